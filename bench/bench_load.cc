// Load for the receiver and for the whole loop; prints one JSON object. See bench/README.md.
#include <CLI/CLI.hpp>
#include <charconv>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/event_sink.h"
#include "bench/http_load.h"
#include "bench/socket.h"
#include "bench/webhook_factory.h"

namespace {

using namespace deskwire::bench;

// The number behind "bench-" in an event's content, or -1.
std::int64_t sequence_of(std::string_view text) {
  const std::size_t at = text.find("bench-");
  if (at == std::string_view::npos) return -1;
  std::int64_t value = -1;
  std::from_chars(text.data() + at + 6, text.data() + text.size(), value);
  return value;
}

// Arrival of both events of each webhook, in the order in which they came.
struct Arrivals {
  std::vector<std::int64_t> user;
  std::vector<std::int64_t> ai;
  std::size_t twice = 0;
  std::size_t users = 0;
  std::size_t ais = 0;

  explicit Arrivals(std::size_t count) : user(count, 0), ai(count, 0) {}
  void on_text(std::string_view text, std::int64_t at) {
    const bool is_user = text.find("message:user") != std::string_view::npos;
    const bool is_ai = text.find("message:ai") != std::string_view::npos;
    const std::int64_t sequence = is_user || is_ai ? sequence_of(text) : -1;
    if (sequence < 0 || static_cast<std::size_t>(sequence) >= user.size()) return;
    std::int64_t& slot = (is_user ? user : ai)[static_cast<std::size_t>(sequence)];
    if (slot != 0) {
      ++twice;
      return;
    }
    slot = at;
    ++(is_user ? users : ais);
  }
};

nlohmann::json quantiles(Latencies& latencies) {
  return {{"count", latencies.count()},
          {"p50_ms", latencies.quantile_ms(0.5)},
          {"p99_ms", latencies.quantile_ms(0.99)},
          {"max_ms", latencies.quantile_ms(1)}};
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Posts signed Chatwoot webhooks to a receiver on this machine"};
  HttpLoad::Options load;
  EventSink::Options sink;
  std::string path = "/webhooks/bench";
  std::string secret = "bench-secret-bench-secret-bench-secret";
  std::string body = "tests/fixtures/chatwoot/wire/message_created.incoming.body";
  std::size_t count = 20000;
  std::size_t first_id = 1000000;
  app.add_option("--port", load.port, "the receiver's port")->required();
  app.add_option("--path", path, "the receiver's path");
  app.add_option("--secret", secret, "the source's secret");
  app.add_option("--body", body, "wire bytes of one message_created event");
  app.add_option("--connections", load.connections, "keep-alive connections")
      ->check(CLI::Range(1, 1000));
  app.add_option("--count", count, "webhooks")->check(CLI::Range(1, 1000000));
  app.add_option("--first-id", first_id, "message id of the first webhook");
  app.add_option("--rate", load.rate, "webhooks a second; 0: closed loop");
  app.add_option("--conversations", sink.conversations, "conversations")
      ->check(CLI::Range(1, 10000));
  app.add_option("--events-port", sink.port, "the gateway's port; 0: do not listen to events");
  app.add_option("--token", sink.token, "token that may subscribe to conversation:*");
  app.add_option("--sockets", sink.sockets, "WebSocket connections")->check(CLI::Range(1, 1000));
  app.add_flag("--socket-io", sink.socket_io, "the gateway speaks Socket.IO");
  app.add_option("--linger-ms", load.linger_ms, "wait at most this long for the last events");
  CLI11_PARSE(app, argc, argv);

  const std::vector<std::string> requests =
      make_webhooks(body, path, secret, count, sink.conversations, first_id);
  if (requests.empty()) return 1;
  Arrivals arrivals(count);
  std::unique_ptr<EventSink> events;
  if (sink.port != 0) {
    events = std::make_unique<EventSink>(
        sink, [&arrivals](std::string_view text, std::int64_t at) { arrivals.on_text(text, at); });
    if (!events->open()) {
      std::cerr << "bench: not every subscription was confirmed\n";
      return 1;
    }
  }
  HttpLoad driver(load, requests, events.get());
  const std::int64_t start = now_ns();
  HttpLoad::Outcome outcome = driver.run([&arrivals, count] { return arrivals.ais >= count; });

  Latencies user;
  Latencies ai;
  std::int64_t last_ai = start;
  std::size_t out_of_order = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (arrivals.user[i] != 0) user.add(arrivals.user[i] - driver.sent_at()[i]);
    if (arrivals.ai[i] == 0) continue;
    ai.add(arrivals.ai[i] - driver.sent_at()[i]);
    last_ai = std::max(last_ai, arrivals.ai[i]);
    // Two webhooks of a conversation have an order when the first was answered before the second
    // was sent.
    const std::size_t next = i + sink.conversations;
    const bool ordered = next < count && driver.answered_at()[i] <= driver.sent_at()[next];
    if (ordered && arrivals.ai[next] != 0 && arrivals.ai[next] < arrivals.ai[i]) ++out_of_order;
  }
  const double loop_seconds = static_cast<double>(last_ai - start) / 1e9;
  nlohmann::json out{{"accepted", outcome.accepted},
                     {"refused", outcome.refused},
                     {"seconds", outcome.seconds},
                     {"accepted_per_s", static_cast<double>(outcome.accepted) / outcome.seconds},
                     {"ack", quantiles(outcome.ack)}};
  if (events) {
    out["message_user"] = quantiles(user);
    out["message_ai"] = quantiles(ai);
    out["replied_per_s"] = static_cast<double>(arrivals.ais) / loop_seconds;
    out["lost_user"] = count - arrivals.users;
    out["lost_ai"] = count - arrivals.ais;
    out["twice"] = arrivals.twice;
    out["out_of_order"] = out_of_order;
  }
  std::cout << out.dump() << '\n';
  return outcome.refused == 0 ? 0 : 1;
}
