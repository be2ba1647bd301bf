#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "config/config.h"
#include "core/channel_log.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "core/redis/redis_client.h"
#include "jobs/redis_job_store.h"
#include "publishers/gateway.h"
#include "publishers/websocket_client.h"
#include "tests/support/redis_server.h"

namespace deskwire::testing {

/// The settings that gateway tests start from: loopback, two loops, one signing key, one server key
/// and a sandbox, a generic and a Chatwoot source.
config::Config gateway_config();

/// A gateway on a real Redis, with everything it needs, as `deskwire serve` makes it.
class GatewayBench {
 public:
  explicit GatewayBench(const redis::Client::Options& redis,
                        const config::Config& config = gateway_config(),
                        publishers::RightsServiceFactory rights = {});
  ~GatewayBench();
  GatewayBench(const GatewayBench&) = delete;
  GatewayBench& operator=(const GatewayBench&) = delete;

  publishers::Gateway& gateway() { return *gateway_; }
  ChannelLog& log() { return log_; }
  Metrics& metrics() { return metrics_; }
  redis::Client& client() { return client_; }
  std::string url(std::string_view path) const;
  /// For every conversation and its presence and history.
  std::string token(const std::string& client_id, const std::string& role = "customer",
                    Milliseconds ttl = std::chrono::hours(1)) const;
  /// Appends a `message:user` whose messageId is the number.
  void append(const std::string& channel, int number);
  /// For other threads than the test's, which must not assert.
  bool try_append(const std::string& channel, int number);

 private:
  config::Config config_;
  SystemClock clock_;
  Metrics metrics_;
  redis::Client client_;
  ChannelLog log_;
  jobs::RedisJobStore store_;
  std::optional<publishers::Gateway> gateway_;
};

/// A client of the plain protocol that waits for what it is told to wait for.
class PlainClient {
 public:
  /// Connects with a token and takes the hello.
  PlainClient(const GatewayBench& bench, const std::string& token, const std::string& more = {});
  /// Without a token.
  explicit PlainClient(const GatewayBench& bench);

  /// Sends one command and waits for its reply: the `ok` or the `error` object. What comes before
  /// is kept.
  nlohmann::json ask(const std::string& verb, const nlohmann::json& body);
  void say(std::string_view text);
  /// The next push not taken yet; fails the test when none comes in time.
  nlohmann::json push();
  /// The next push of this event; others before it are dropped.
  nlohmann::json push_of(std::string_view event);
  nlohmann::json text();
  /// Reads to the close frame and returns its code.
  int closed();
  const std::string& session() const { return session_; }
  publishers::WebSocketClient& socket() { return *socket_; }
  void hang_up() { socket_->close(); }

 private:
  std::optional<nlohmann::json> read(Milliseconds patience);

  std::optional<publishers::WebSocketClient> socket_;
  std::vector<nlohmann::json> kept_;
  std::string session_;
  std::int64_t next_id_ = 1;
};

/// One HTTP request over a connection of its own.
struct HttpAnswer {
  int status = 0;
  std::string head;
  std::string body;
  nlohmann::json json() const { return nlohmann::json::parse(body, nullptr, false); }
};
HttpAnswer http(const GatewayBench& bench, const std::string& method, const std::string& target,
                const std::map<std::string, std::string>& headers = {},
                const std::string& body = {});

}  // namespace deskwire::testing
