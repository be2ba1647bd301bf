#include "cli/server.h"

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "cli/delivery_routes.h"
#include "cli/job_access.h"
#include "cli/rights_client.h"
#include "cli/sla_routes.h"
#include "cli/token_revocations.h"
#include "config/load.h"
#include "console/pages.h"
#include "core/log.h"
#include "jobs/data_layout.h"

namespace deskwire::cli {
namespace {

constexpr Milliseconds kConnectPatience{3000};
constexpr std::int64_t kClockSkewMs = 5000;

/// The chat page belongs to the sandbox: another source has no visitors of its own here.
std::map<std::string, publishers::Page> pages_for(const config::Config& config) {
  std::map<std::string, publishers::Page> pages;
  const auto add = [&pages](std::map<std::string, console::Page> more) {
    for (auto& [path, page] : more) {
      pages[path] = {std::move(page.content_type), std::move(page.body)};
    }
  };
  add(console::on_call_pages());
  if (config.has_sandbox()) add(console::chat_pages());
  return pages;
}

std::string address(const std::string& listen, std::uint16_t port) {
  const auto parsed = config::parse_listen(listen);
  const std::string host = parsed ? parsed->host : listen;
  const bool ipv6 = host.find(':') != std::string::npos;
  return (ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

/// Asked anew a little later: Redis is away, full, or still loading.
bool may_pass(ErrorCode code) {
  return code == ErrorCode::kUnavailable || code == ErrorCode::kTimeout ||
         code == ErrorCode::kFull || code == ErrorCode::kCancelled;
}

/// The first that knows the path answers.
AdminDoor::Routes any_of_routes(std::vector<AdminDoor::Routes> all) {
  return [all = std::move(all)](const net::HttpRequest& request) {
    std::optional<net::HttpResponse> answer;
    for (const AdminDoor::Routes& routes : all) {
      if (!answer) answer = routes(request);
    }
    return answer;
  };
}

/// The connection for what must not be lost with the master; null: the ordinary one does.
std::unique_ptr<redis::Client> confirmed_client(const config::Redis& settings,
                                                redis::Client::Options options) {
  if (settings.wait_replicas == 0) return nullptr;
  options.name = "deskwire-wait";
  options.wait_replicas = settings.wait_replicas;
  options.wait_timeout = settings.wait_timeout;
  return std::make_unique<redis::Client>(std::move(options));
}

bool pages_people(const config::Sla& sla) { return !sla.sinks.empty() || !sla.policies.empty(); }

}  // namespace

Server::Server(const config::Config& config, const Roles& roles,
               const redis::Client::Options& connection)
    : config_(config),
      live_(std::make_shared<const config::Config>(config)),
      roles_(roles),
      connection_(connection),
      client_(connection),
      confirmed_(confirmed_client(config.redis, connection)),
      log_(client_, lane_limits(config).log),
      store_(client_, confirmed_ ? *confirmed_ : client_, clock_, lane_limits(config)),
      operators_(client_, lane_limits(config)),
      alerts_(client_, lane_limits(config).log),
      self_watch_(config_, client_, log_, store_, clock_, metrics_) {
  auto bus = connection;
  bus.name = "deskwire-bus";
  auto bell = connection;
  bell.name = "deskwire-bell";
  if (roles.gateway) {
    gateway_.emplace(config_, client_, bus, log_, store_, clock_, metrics_, make_rights_client,
                     pages_for(config_));
  }
  if (roles.worker || roles.sla) {
    worker_.emplace(config_, roles, client_, bell, log_, store_, clock_, metrics_);
  }
  if (roles.sla && pages_people(config_.sla)) {
    on_call_.emplace(config_, client_, log_, store_, clock_, metrics_);
  }
  if (roles.receiver) {
    receiver_.emplace(config_, store_, clock_, metrics_);
    sweep_.emplace(config_, store_, clock_, metrics_);
  }
  auto tail = connection;
  tail.name = "deskwire-tail";
  operations_.emplace(live_, client_, tail, store_, clock_);
  admin_.emplace(
      config_.admin, roles.names(), client_, store_, operators_, clock_, metrics_,
      any_of_routes(
          {[this](const net::HttpRequest& request) { return operations_->answer(request); },
           delivery_routes(live_, store_, client_, clock_),
           token_routes(config_.gateway, client_, clock_), sla_routes(alerts_, clock_)}));
  add_reloads();
}

void Server::add_reloads() {
  if (gateway_) {
    reloads_.add("gateway",
                 [this](const config::Config& changed) { return gateway_->reload(changed); });
  }
  reloads_.add("sla", [this](const config::Config& changed) -> Status {
    if (worker_) {
      if (auto set = worker_->set_sla(changed.sla); !set) return set;
    }
    store_.set_clocks_run(!changed.sla.policies.empty());
    return {};
  });
  // Before the receiver: what it takes in by the new settings is answered by them.
  if (worker_) {
    reloads_.add("worker", [this](const config::Config& changed) -> Status {
      worker_->reload(changed);
      return {};
    });
  }
  if (receiver_) {
    reloads_.add("receiver", [this](const config::Config& changed) -> Status {
      receiver_->reload(changed);
      sweep_->reload(changed);
      return {};
    });
  }
  if (on_call_) {
    reloads_.add("oncall", [this](const config::Config& changed) -> Status {
      on_call_->reload(changed);
      return {};
    });
  }
  reloads_.add("admin", [this](const config::Config& changed) -> Status {
    admin_->set_key(changed.admin.key);
    return {};
  });
}

Server::~Server() { stop(); }

Status Server::connect() {
  client_.start();
  if (confirmed_) confirmed_->start();
  if (client_.wait_connected(kConnectPatience)) return check_redis();
  log::warn("redis_unreachable", {{"redis", connection_.endpoint.display()},
                                  {"next", "trying on; webhooks wait in the spool meanwhile"}});
  return {};
}

Status Server::check_redis() {
  const auto facts = read_redis_facts(client_);
  if (!facts && facts.error().code != ErrorCode::kInvalid) return {};  // Gone again.
  if (facts) {
    if (auto fit = check_redis_facts(*facts); !fit) return fit;
  }
  if (auto claimed = jobs::claim_data_layout(client_); !claimed) {
    return may_pass(claimed.error().code) ? Status() : claimed;
  }
  redis_checked_ = true;
  if (facts) {
    log::info("redis_accepted", {{"redis", connection_.endpoint.display()},
                                 {"server", facts->server},
                                 {"version", facts->version}});
    warn_of(*facts);
  } else {
    log::warn("redis_not_checked", {{"error", facts.error().message},
                                    {"next", "allow INFO and TIME; see docs/operations.md"}});
  }
  return {};
}

void Server::warn_of(const RedisFacts& facts) const {
  if (!facts.append_only) {
    log::warn("redis_not_durable", {{"next", "set appendonly yes: a crash of redis loses jobs"}});
  }
  if (facts.maxmemory_policy.empty()) {
    log::warn("redis_policy_unknown", {{"next", "make sure that it evicts nothing"}});
  }
  if (facts.replicas < config_.redis.wait_replicas) {
    log::warn("redis_replicas_missing",
              {{"connected", facts.replicas},
               {"wait_replicas", config_.redis.wait_replicas},
               {"next", "webhooks are answered 429 until enough replicas follow"}});
  }
  if (facts.clock_ahead_ms > kClockSkewMs || facts.clock_ahead_ms < -kClockSkewMs) {
    log::warn("clock_skew", {{"redis_ahead_ms", facts.clock_ahead_ms}});
  }
}

Status Server::check_late_redis() {
  if (redis_checked_ || !client_.connected()) return {};
  return check_redis();
}

Status Server::start() {
  auto started = start_roles();
  if (!started) stop();
  return started;
}

Status Server::start_roles() {
  const auto opened = [](const char* door, const std::string& where) {
    log::info("door_open", {{"door", door}, {"address", where}});
  };
  if (gateway_) {
    if (auto up = gateway_->start(); !up) return fail(std::move(up.error()).prefixed("gateway"));
    opened("gateway", gateway_address());
  }
  if (worker_) {
    if (auto up = worker_->start(); !up) return up;
  }
  if (on_call_) on_call_->start();
  if (receiver_) {
    if (auto up = receiver_->start(); !up) return fail(std::move(up.error()).prefixed("receiver"));
    opened("receiver", receiver_address());
    sweep_->start();
  }
  operations_->start();
  if (auto up = admin_->start(); !up) return fail(std::move(up.error()).prefixed("admin"));
  opened("admin", admin_address());
  self_watch_.start();
  return {};
}

void Server::reload(const config::Config& config) {
  if (stopped_) return;
  auto taken = checked_changes(*live_.read(), config, clock_.wall_ms());
  if (!taken) {
    log::error("reload_refused",
               {{"error", taken.error().message}, {"next", "the old settings stay in force"}});
    return;
  }
  if (const std::string names = differences(*taken, config); !names.empty()) {
    log::warn("reload_partial", {{"restart_needed", names}, {"next", "restart to take these in"}});
  }
  live_.replace(std::make_shared<const config::Config>(*taken));
  reloads_.apply(*taken);
}

void Server::stop() {
  if (stopped_) return;
  stopped_ = true;
  admin_->set_ready(false);
  self_watch_.stop();
  if (receiver_) {
    sweep_->stop();
    receiver_->drain();
    receiver_->stop();
  }
  if (worker_) worker_->stop();
  if (on_call_) on_call_->stop();
  if (gateway_) {
    gateway_->drain();
    gateway_->stop();
  }
  admin_->stop();
  operations_->stop();
  if (confirmed_) confirmed_->stop();
  client_.stop();
}

std::string Server::receiver_address() const {
  return receiver_ ? address(config_.receiver.listen, receiver_->port()) : std::string();
}
std::string Server::gateway_address() const {
  return gateway_ ? address(config_.gateway.listen, gateway_->port()) : std::string();
}
std::string Server::admin_address() const { return address(config_.admin.listen, admin_->port()); }

}  // namespace deskwire::cli
