#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <iostream>
#include <memory>
#include <optional>
#include <utility>

#include "cli/commands.h"
#include "cli/config_choice.h"
#include "cli/data_dir.h"
#include "cli/embedded_redis.h"
#include "cli/exit_code.h"
#include "cli/greeting.h"
#include "cli/job_access.h"
#include "cli/open_doors.h"
#include "cli/roles.h"
#include "cli/server.h"
#include "cli/stop_signals.h"
#include "cli/version.h"
#include "config/load.h"
#include "core/log.h"
#include "core/net/inherited_sockets.h"
#include "publishers/echo_server.h"

namespace deskwire::cli {
namespace {

constexpr Milliseconds kTick{1000};
/// Beyond the grace of jobs and sessions: deliveries under way, Redis, flushing.
constexpr Milliseconds kStopMargin{15000};

struct ServeOptions {
  ConfigChoice config;
  std::string roles;
  std::string echo;
};

log::Level level_of(const std::string& name) {
  if (name == "debug") return log::Level::kDebug;
  if (name == "warn") return log::Level::kWarn;
  if (name == "error") return log::Level::kError;
  return log::Level::kInfo;
}

/// An address for everyone with no list of hosts serves local callers only: easy to overlook.
void warn_of_closed_hosts(const config::Config& config) {
  const auto warn = [](const char* key, const std::string& listen,
                       const std::vector<std::string>& hosts) {
    const auto address = config::parse_listen(listen);
    const bool everyone = address && (address->host == "0.0.0.0" || address->host == "::");
    if (everyone && hosts.empty()) {
      log::warn("hosts_empty", {{"config", key},
                                {"listen", listen},
                                {"next", "list the Host names that callers use; others get 403"}});
    }
  };
  warn("receiver.hosts", config.receiver.listen, config.receiver.hosts);
  warn("gateway.hosts", config.gateway.listen, config.gateway.hosts);
  warn("admin.hosts", config.admin.listen, config.admin.hosts);
}

/// The other sources work, and what this one refuses is kept.
void warn_of_unusable_secrets(const config::Config& config) {
  const Status usable = check_secret_forms(config);
  if (usable) return;
  log::error("secrets_unusable", {{"error", usable.error().message},
                                  {"next",
                                   "mend the config and reload it, then deskwire "
                                   "deliveries replay"}});
}

/// Takes the sockets that a service manager holds for our doors.
/// @errors kInvalid: one of them is no door's: what is sent there would never be answered.
Status adopt_sockets(const config::Config& config, const Roles& roles) {
  const auto adopted = net::adopt_inherited_sockets();
  if (!adopted) return fail(adopted.error());
  std::vector<std::string> doors{config.admin.listen};
  if (roles.receiver) doors.push_back(config.receiver.listen);
  if (roles.gateway) doors.push_back(config.gateway.listen);
  for (const std::string& address : *adopted) {
    const auto listens_there = [wanted =
                                    net::parse_listen_address(address)](const std::string& door) {
      const auto own = net::parse_listen_address(door);
      return own && wanted && own->host == wanted->host && own->port == wanted->port;
    };
    if (std::none_of(doors.begin(), doors.end(), listens_there)) {
      return fail(ErrorCode::kInvalid,
                  "adopt socket " + address +
                      ": no door of this process listens there; give ListenStream= in the socket "
                      "unit the address of receiver.listen, gateway.listen or admin.listen");
    }
    log::info("socket_adopted", {{"address", address}});
  }
  return {};
}

/// Another data_dir waits for the restart, and so do the keys in it: those that were made up for
/// the running one are read again.
Result<config::Config> load_again(const ConfigChoice& choice, const std::string& data_dir) {
  auto config = load_config(choice);
  if (!config) return config;
  std::string next = std::exchange(config->data_dir, data_dir);
  if (auto completed = config::complete_secrets(*config); !completed) {
    return fail(std::move(completed.error()));
  }
  config->data_dir = std::move(next);
  return config;
}

/// A config that is no good changes nothing.
void reload(Server& server, const ConfigChoice& choice, const std::string& data_dir) {
  log::info("reloading");
  const auto config = load_again(choice, data_dir);
  if (config) {
    warn_of_unusable_secrets(*config);
    return server.reload(*config);
  }
  log::error("reload_refused",
             {{"error", config.error().message}, {"next", "the old settings stay in force"}});
}

/// Until a signal asks for the end. @errors of a Redis that turns out unfit only now.
Status run_until_stopped(Server& server, const ConfigChoice& choice, const std::string& data_dir,
                         EmbeddedRedis* redis) {
  while (true) {
    const int signal = wait_signal(kTick).value_or(0);
    if (signal == SIGTERM || signal == SIGINT) {
      log::info("stopping", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
      return {};
    }
    if (signal == SIGHUP) reload(server, choice, data_dir);
    if (redis != nullptr) redis->supervise();
    if (auto fit = server.check_late_redis(); !fit) return fit;
  }
}

int serve_with(const config::Config& config, const Roles& roles, const ServeOptions& options,
               EmbeddedRedis* redis, const std::string& program) {
  const auto connection = client_options(config, "deskwire");
  if (!connection) return report(connection.error());
  Server server(config, roles, *connection);
  Status status = server.connect();
  if (status) status = server.start();
  if (status) {
    if (redis != nullptr) {
      const OpenDoors doors{server.receiver_address(), server.gateway_address(),
                            server.admin_address()};
      if (const Status left = leave_open_doors(config.data_dir, doors); !left) {
        log::warn("addresses_not_left", {{"error", left.error().message}});
      }
    }
    std::cout << greeting(config, server, options.config, program) << std::flush;
    std::cout.clear();  // It is there to serve; a greeting that nobody could read is no failure.
    status = run_until_stopped(server, options.config, config.data_dir, redis);
    if (redis != nullptr) forget_open_doors(config.data_dir);
  }
  {
    const StopWatchdog watchdog(config.jobs.shutdown_grace + config.gateway.drain + kStopMargin);
    server.stop();
    if (redis != nullptr) redis->stop();
  }
  if (!status) return report(status.error());
  log::info("stopped");
  return kDone;
}

/// For public conformance suites: nothing but the session code, until a signal.
int serve_echo(const std::string& listen) {
  block_signals();
  const SystemClock clock;
  publishers::EchoServer server(listen, clock);
  if (auto started = server.start(); !started) {
    report(started.error());
    return kNotDone;
  }
  std::cout << "echo on port " << server.port() << std::endl;
  while (true) {
    const int signal = wait_signal(kTick).value_or(0);
    if (signal == SIGTERM || signal == SIGINT) return kDone;
  }
}

int serve(const ServeOptions& options, const std::string& program) {
  if (!options.echo.empty()) return serve_echo(options.echo);
  const auto roles = parse_roles(options.roles);
  if (!roles) {
    report(roles.error());
    return kUsage;
  }
  auto config = load_config(options.config);
  if (!config) {
    std::cerr << config.error().message << '\n';
    return kNotDone;
  }
  log::init(level_of(config->log.level), config->log.format == "json");
  log::name_thread("main");
  block_signals();
  warn_of_closed_hosts(*config);
  warn_of_unusable_secrets(*config);
  if (auto adopted = adopt_sockets(*config, *roles); !adopted) return report(adopted.error());

  // Without a Redis of its own a process shares its data_dir with others: only secrets are there.
  std::optional<DataDir> data_dir;
  std::optional<EmbeddedRedis> redis;
  if (config->redis.url.empty()) {
    auto locked = DataDir::lock(config->data_dir);
    if (!locked) {
      report(locked.error());
      return kNotDone;
    }
    data_dir.emplace(std::move(*locked));
  }
  if (auto completed = config::complete_secrets(*config); !completed) {
    report(completed.error());
    return kNotDone;
  }
  if (data_dir) {
    redis.emplace(data_dir->path());
    if (auto started = redis->start(); !started) {
      report(started.error());
      return kNotDone;
    }
  }
  return serve_with(*config, *roles, options, redis ? &*redis : nullptr, program);
}

}  // namespace

void add_serve(CLI::App& app, Action& action, const std::string& program) {
  auto options = std::make_shared<ServeOptions>();
  auto* command = app.add_subcommand("serve", "Run the receiver, the workers and the gateway");
  add_config_options(*command, options->config);
  command
      ->add_option("--roles", options->roles,
                   "Only some of receiver,worker,gateway,sla [default: all]")
      ->type_name("ROLE,…");
  command->add_option("--echo", options->echo, "WebSocket echo on HOST:PORT")->group("");
  command->callback([options, program, &action] {
    action = [options, program] { return serve(*options, program); };
  });
}

}  // namespace deskwire::cli
