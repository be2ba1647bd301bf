#include "tests/support/gateway_bench.h"

#include <algorithm>
#include <utility>

#include "publishers/token.h"
#include "tests/support/catch.h"
#include "tests/support/raw_client.h"

namespace deskwire::testing {

namespace {

constexpr Milliseconds kPatience{20000};

jobs::LaneLimits limits_of(const config::Config& config) {
  jobs::LaneLimits limits;
  limits.log = {config.gateway.log_max_events, config.gateway.log_max_age_s,
                config.gateway.log_max_bytes};
  return limits;
}

}  // namespace

config::Config gateway_config() {
  config::Config config;
  config.gateway.listen = "127.0.0.1:0";
  config.gateway.threads = 2;
  config.gateway.drain = Milliseconds(1000);
  config.gateway.keys = {{"a", config::Secret(std::string(32, 'k'))}};
  config.gateway.server_keys = {
      {config::Secret("server-key"), {}},
      {config::Secret("narrow-key"), {{"conversation:*", {"publish", "subscribe", "history"}}}}};
  config.gateway.open_prefixes = {"room"};
  config::Source sandbox;
  sandbox.name = "sandbox";
  config::Source chatwoot;
  chatwoot.name = "support";
  chatwoot.type = config::SourceType::kChatwoot;
  chatwoot.name_space = "cw";
  config.sources = {sandbox, chatwoot};
  return config;
}

GatewayBench::GatewayBench(const redis::Client::Options& redis, const config::Config& config,
                           publishers::RightsServiceFactory rights)
    : config_(config),
      client_(redis),
      log_(client_, limits_of(config).log),
      store_(client_, clock_, limits_of(config)) {
  client_.start();
  REQUIRE(client_.wait_connected(kPatience));
  gateway_.emplace(config_, client_, redis, log_, store_, clock_, metrics_, std::move(rights),
                   std::map<std::string, publishers::Page>{{"/", {"text/html", "<p>chat</p>"}}});
  REQUIRE(gateway_->start());
}

GatewayBench::~GatewayBench() {
  gateway_->stop();
  client_.stop();
}

std::string GatewayBench::url(std::string_view path) const {
  return "ws://127.0.0.1:" + std::to_string(gateway_->port()) + std::string(path);
}

std::string GatewayBench::token(const std::string& client_id, const std::string& role,
                                Milliseconds ttl) const {
  publishers::Claims claims;
  claims.client_id = client_id;
  claims.name = "Name of " + client_id;
  claims.role = role;
  claims.issued_ms = clock_.wall_ms();
  claims.expires_ms = claims.issued_ms + ttl.count();
  claims.capability = {{"*", {"subscribe", "publish", "presence", "history"}}};
  return publishers::sign_token(claims, config_.gateway.keys.front());
}

void GatewayBench::append(const std::string& channel, int number) {
  REQUIRE(try_append(channel, number));
}

bool GatewayBench::try_append(const std::string& channel, int number) {
  Event event;
  event.channel = channel;
  event.id = "e-" + std::to_string(number);
  event.name = "message:user";
  event.timestamp = clock_.wall_ms();
  event.data = R"({"messageId":")" + std::to_string(number) + R"(","timestamp":1})";
  return log_.append(event).has_value();
}

PlainClient::PlainClient(const GatewayBench& bench, const std::string& token,
                         const std::string& more) {
  auto connected =
      publishers::WebSocketClient::connect(bench.url("/v1/ws?token=" + token + more), {});
  REQUIRE(connected);
  socket_ = std::move(*connected);
  const nlohmann::json hello = text();
  REQUIRE(hello["id"] == 0);
  session_ = hello["ok"]["session"];
}

PlainClient::PlainClient(const GatewayBench& bench) {
  auto connected = publishers::WebSocketClient::connect(bench.url("/v1/ws"), {});
  REQUIRE(connected);
  socket_ = std::move(*connected);
}

std::optional<nlohmann::json> PlainClient::read(Milliseconds patience) {
  auto message = socket_->receive(patience);
  if (!message || !*message || (*message)->opcode != publishers::Opcode::kText) return std::nullopt;
  return nlohmann::json::parse((*message)->payload);
}

nlohmann::json PlainClient::text() { return read(kPatience).value_or(nullptr); }

void PlainClient::say(std::string_view message) { REQUIRE(socket_->send_text(message)); }

nlohmann::json PlainClient::ask(const std::string& verb, const nlohmann::json& body) {
  const std::int64_t id = next_id_++;
  say(nlohmann::json({{"id", id}, {verb, body}}).dump());
  for (;;) {
    auto value = read(kPatience);
    if (!value) return nullptr;
    if (value->value("id", std::int64_t{-1}) == id) {
      return value->contains("ok") ? (*value)["ok"] : (*value)["error"];
    }
    kept_.push_back(std::move(*value));
  }
}

nlohmann::json PlainClient::push() {
  for (;;) {
    const auto found = std::find_if(kept_.begin(), kept_.end(),
                                    [](const auto& one) { return one.contains("push"); });
    if (found != kept_.end()) {
      nlohmann::json event = std::move((*found)["push"]);
      kept_.erase(found);
      return event;
    }
    auto value = read(kPatience);
    REQUIRE(value);
    kept_.push_back(std::move(*value));
  }
}

nlohmann::json PlainClient::push_of(std::string_view event) {
  for (;;) {
    nlohmann::json got = push();
    if (got["event"] == event) return got;
  }
}

int PlainClient::closed() {
  for (;;) {
    auto message = socket_->receive(kPatience);
    if (!message || !*message) return 0;
    if ((*message)->opcode == publishers::Opcode::kClose) return (*message)->close_code;
  }
}

HttpAnswer http(const GatewayBench& bench, const std::string& method, const std::string& target,
                const std::map<std::string, std::string>& headers, const std::string& body) {
  const std::string url = bench.url("");
  const auto port = static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
  test::RawClient client(port);
  std::string request = method + " " + target + " HTTP/1.1\r\nHost: localhost\r\n";
  for (const auto& [name, value] : headers) request += name + ": " + value + "\r\n";
  request += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  client.send(request);
  test::RawResponse response = client.response(method == "HEAD");
  return {response.status, std::move(response.head), std::move(response.body)};
}

}  // namespace deskwire::testing
