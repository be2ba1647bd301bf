#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "cli/capability_text.h"
#include "cli/commands.h"
#include "cli/config_choice.h"
#include "cli/event_text.h"
#include "cli/exit_code.h"
#include "cli/on_call_watch.h"
#include "cli/open_doors.h"
#include "core/clock.h"
#include "core/json.h"
#include "publishers/token.h"
#include "publishers/websocket_client.h"

namespace deskwire::cli {
namespace {

using nlohmann::json;
using publishers::WebSocketClient;

constexpr std::int64_t kTokenMs = 24LL * 3600 * 1000;
constexpr Milliseconds kLongestPause{5000};
constexpr Milliseconds kReceiveSlice{60000};

struct WatchOptions {
  ConfigChoice config;
  std::vector<std::string> channels;
  std::string url;
  bool json = false;
};

/// How a connection ended.
enum class End : std::uint8_t { kReconnect, kRefused };

/// One `watch`: its channels, and how far it has come in each of them.
class Watch {
 public:
  Watch(const config::Config& config, const WatchOptions& options, std::string url)
      : config_(config), options_(options), url_(std::move(url)) {}

  int run() {
    bool was_connected = false;
    int failures = 0;
    while (true) {
      auto client = WebSocketClient::connect(url_, connect_options());
      if (client) {
        was_connected = true;
        subscribed_ = false;
        if (follow(*client) == End::kRefused) return kNotDone;
        // Not on connecting: a server that is draining accepts, and sends away at once.
        if (subscribed_) failures = 0;
      } else if (!was_connected) {
        std::cerr << "deskwire: watch " << url_ << ": " << client.error().message
                  << "; is `deskwire serve` running?\n";
        return kUnreachable;
      }
      pause(failures++);
    }
  }

 private:
  WebSocketClient::Options connect_options() const {
    publishers::Claims claims;
    claims.client_id = "deskwire-watch";
    claims.name = "deskwire watch";
    claims.role = "agent";
    claims.issued_ms = SystemClock().wall_ms();
    claims.expires_ms = claims.issued_ms + kTokenMs;
    for (const std::string& channel : options_.channels) {
      claims.capability[channel] = {"subscribe", "history"};
    }
    const std::string token = publishers::sign_token(claims, config_.gateway.keys.front());
    WebSocketClient::Options options;
    options.headers.emplace_back("Authorization", "Bearer " + token);
    return options;
  }

  /// Reads until the connection is over.
  End follow(WebSocketClient& client) {
    std::int64_t id = 0;
    for (const std::string& channel : options_.channels) {
      json subscribe = {{"channel", channel}};
      const auto seen = positions_.find(channel);
      if (seen != positions_.end()) subscribe["recover"] = seen->second;
      const auto sent = client.send_text(dump_json({{"id", ++id}, {"subscribe", subscribe}}));
      if (!sent) return End::kReconnect;
    }
    while (true) {
      const auto message = client.receive(kReceiveSlice);
      if (!message) return End::kReconnect;
      if (!*message) continue;
      const auto frame = parse_json((*message)->payload);
      if (!frame || !frame->is_object()) return End::kReconnect;
      if (frame->contains("push")) show(object_at(*frame, "push"));
      if (!std::cout) return End::kRefused;  // Nobody reads what is shown.
      if (frame->contains("ok")) note_subscription(object_at(*frame, "ok"));
      if (frame->contains("error")) {
        std::cerr << "deskwire: watch: " << string_at(object_at(*frame, "error"), "message")
                  << '\n';
        return End::kRefused;
      }
      if (frame->contains("disconnect")) return disconnected(object_at(*frame, "disconnect"));
    }
  }

  void show(const json& push) {
    if (const auto offset = integer_at(push, "offset")) {
      positions_[string_at(push, "channel")] = {{"epoch", string_at(push, "epoch")},
                                                {"offset", *offset}};
    }
    std::cout << (options_.json ? dump_json(push) : event_line(push)) << std::endl;
  }

  void note_subscription(const json& ok) {
    const std::string channel = string_at(ok, "channel");
    if (channel.empty()) return;
    subscribed_ = true;
    const bool again = positions_.count(channel) > 0;
    if (again && !bool_at(ok, "recovered")) {
      std::cerr << "deskwire: watch " << channel << ": some events were missed\n";
    }
    if (again && bool_at(ok, "recovered")) return;  // Replayed pushes advance the position.
    positions_[channel] = {{"epoch", string_at(ok, "epoch")},
                           {"offset", integer_at(ok, "offset").value_or(0)}};
    if (!again) std::cerr << "watching " << channel << " (Ctrl-C ends)\n";
  }

  static End disconnected(const json& reason) {
    std::cerr << "deskwire: watch: disconnected: " << string_at(reason, "reason") << " ("
              << integer_at(reason, "code").value_or(0) << ")\n";
    return bool_at(reason, "reconnect") ? End::kReconnect : End::kRefused;
  }

  /// Jitter keeps many watchers from coming back in step after a restart.
  void pause(int failures) {
    const Milliseconds most = std::min(kLongestPause, Milliseconds(250 << std::min(failures, 5)));
    std::uniform_int_distribution<std::int64_t> uniform(most.count() / 2, most.count());
    std::this_thread::sleep_for(Milliseconds(uniform(random_)));
  }

  const config::Config& config_;
  const WatchOptions& options_;
  const std::string url_;
  std::map<std::string, json> positions_;  ///< Channel -> {"epoch", "offset"}.
  bool subscribed_ = false;                ///< On the present connection.
  std::mt19937_64 random_{std::random_device{}()};
};

int watch(const WatchOptions& options) {
  if (const auto channels = parse_capability(options.channels); !channels) {
    report(channels.error());
    return kUsage;
  }
  const auto config = load_config_with_secrets(options.config);
  if (!config) return report(config.error());
  if (config->gateway.keys.empty()) {
    return report(no_key("sign a token", *config, options.config));
  }
  std::string url = options.url;
  if (url.empty()) {
    const auto address = door_address(*config, "gateway", config->gateway.listen);
    if (!address) return report(address.error());
    url = "ws://" + *address + "/v1/ws";
  }
  const bool on_call = options.channels == std::vector<std::string>{"oncall"};
  const bool terminal = ::isatty(STDIN_FILENO) != 0 && ::isatty(STDOUT_FILENO) != 0;
  if (on_call && terminal && !options.json) return watch_on_call(*config, url);
  return Watch(*config, options, url).run();
}

}  // namespace

void add_watch(CLI::App& app, Action& action) {
  auto options = std::make_shared<WatchOptions>();
  auto* command = app.add_subcommand("watch", "Print the events of channels as they happen");
  add_config_options(*command, options->config);
  command
      ->add_option("channel", options->channels,
                   "Such as conversation:42, conversation:42:internal; oncall alone is a live "
                   "table on a terminal")
      ->default_val(std::vector<std::string>{"agents", "oncall", "ops"});
  command->add_option("--url", options->url, "Another gateway, such as ws://10.0.0.5:8081/v1/ws")
      ->check([](const std::string& url) {
        return url.starts_with("ws://") ? std::string()
                                        : "is no address of a gateway; write ws://host:port/v1/ws";
      });
  command->add_flag("--json", options->json, "One envelope a line");
  command->callback([options, &action] { action = [options] { return watch(*options); }; });
}

}  // namespace deskwire::cli
