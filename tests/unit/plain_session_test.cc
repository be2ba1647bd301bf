// Sessions over streams in memory, behind the same accept() as over sockets. No Redis: what needs
// it answers 50300; what does not is here, every row of the code table.

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/channel_log.h"
#include "jobs/memory_job_store.h"
#include "publishers/gateway_loop.h"
#include "publishers/hub.h"
#include "publishers/websocket_codec.h"
#include "publishers/websocket_handshake.h"
#include "tests/support/catch.h"
#include "tests/support/manual_clock.h"
#include "tests/support/memory_stream.h"

using namespace deskwire;
using namespace deskwire::publishers;
using deskwire::test::ManualLoop;
using deskwire::test::MemoryStream;
using nlohmann::json;

namespace {

constexpr const char* kResponse = "HTTP/1.1 101 Switching Protocols\r\n\r\n";

/// One loop of a gateway whose Redis is away.
struct Bench {
  explicit Bench(config::Gateway settings = {}, RightsServiceFactory rights = {}) {
    settings.keys = {{"a", config::Secret(std::string(32, 'k'))}};
    config.gateway = settings;
    connections.max_message_bytes = settings.max_frame_bytes;
    connections.max_outbox_bytes = settings.max_outbox_bytes;
    connections.ping = settings.ping;
    connections.pong_timeout = settings.pong_timeout;
    live.emplace(std::make_shared<const config::Config>(config));
    operations.emplace(*live, log, store, presence, clock, metrics);
    hub.emplace(Hub::Options{}, log, presence, std::vector<net::Loop*>{&loop}, clock, metrics);
    gatekeeper.emplace(config.gateway, std::move(rights), clock, metrics);
    door.emplace(GatewayLoop::Context{config, *live, connections, clock, metrics, counts, rates,
                                      *gatekeeper, *operations, alerts, hub->local(loop), pages,
                                      draining});
  }

  std::string token(std::int64_t ttl_ms = 3'600'000, const std::string& client_id = "customer-42") {
    Claims claims;
    claims.client_id = client_id;
    claims.name = "Ann";
    claims.role = "customer";
    claims.issued_ms = clock.wall_ms();
    claims.expires_ms = clock.wall_ms() + ttl_ms;
    claims.capability = {{"conversation:42", {"subscribe", "publish", "presence", "history"}}};
    return sign_token(claims, config.gateway.keys.front());
  }

  /// Both clocks, in steps, so that timers see the time they are due at.
  void pass(Milliseconds time) {
    for (; time.count() > 0; time -= Milliseconds(100)) {
      clock.advance(Milliseconds(100));
      loop.advance(Milliseconds(100));
    }
  }

  ManualLoop loop;
  testing::ManualClock clock;
  Metrics metrics;
  redis::Client client{redis::Client::Options{}};
  ChannelLog log{client, {}};
  jobs::AlertDesk alerts{client, {}};
  Presence presence{client, Milliseconds(30000)};
  jobs::MemoryJobStore store{clock};
  config::Config config;
  std::optional<Snapshot<const config::Config>> live;
  ConnectionSettings connections;
  std::map<std::string, Page> pages;
  std::atomic<bool> draining{false};
  SessionCounts counts{config.gateway, metrics};
  ClientRates rates{config.gateway};
  std::optional<Gatekeeper> gatekeeper;
  std::optional<Operations> operations;
  std::optional<Hub> hub;
  std::optional<GatewayLoop> door;
};

/// The other end of a session.
class Peer {
 public:
  Peer(Bench& bench, const std::string& target, net::Headers headers = {}) : bench_(bench) {
    auto [server, client] = MemoryStream::make_pair(bench.loop);
    stream_ = std::move(client);
    net::HttpRequest request;
    request.method = "GET";
    request.target = target;
    request.headers = std::move(headers);
    request.peer_address = "127.0.0.1";
    bench.door->accept(request, std::move(server), kResponse, {});
    read();
  }

  void say(std::string_view text) { put(make_masked_frame(Opcode::kText, text, 0x01020304)); }
  void put(std::string_view bytes) {
    stream_->put(bytes);
    read();
  }
  void read() {
    bench_.loop.run();
    std::string bytes = stream_->take();
    bench_.loop.run();
    bytes += stream_->take();
    if (!greeted_ && !bytes.empty()) {
      REQUIRE(bytes.starts_with(kResponse));
      bytes.erase(0, std::string_view(kResponse).size());
      greeted_ = true;
    }
    std::string_view input = bytes;
    while (parser_.feed(input) == MessageParser::Outcome::kMessage) {
      got_.push_back(parser_.take());
    }
  }
  MemoryStream& stream() { return *stream_; }

  /// The oldest text not taken yet.
  json next() {
    for (auto message = got_.begin(); message != got_.end(); ++message) {
      if (message->opcode != Opcode::kText) continue;
      const json value = json::parse(message->payload);
      got_.erase(message);
      return value;
    }
    return nullptr;
  }
  int error() { return next().value("/error/code"_json_pointer, 0); }
  bool pinged() {
    return std::any_of(got_.begin(), got_.end(),
                       [](const WireMessage& one) { return one.opcode == Opcode::kPing; });
  }
  /// The code that the session was closed with, after a disconnect object that says the same.
  int closed(bool with_object = true) {
    std::optional<json> object;
    for (const WireMessage& message : got_) {
      if (message.opcode == Opcode::kText) {
        const json value = json::parse(message.payload);
        if (value.contains("disconnect")) object = value["disconnect"];
      }
      if (message.opcode == Opcode::kClose) {
        CHECK(object.has_value() == with_object);
        if (object) CHECK((*object)["code"] == message.close_code);
        if (object) reconnect = (*object)["reconnect"];
        if (object) retry_after_ms = object->value("retry_after_ms", -1);
        CHECK(&message == &got_.back());
        return message.close_code;
      }
    }
    return 0;
  }
  bool reconnect = false;
  int retry_after_ms = -1;

 private:
  Bench& bench_;
  std::unique_ptr<MemoryStream> stream_;
  MessageParser parser_{MessageParser::Sender::kServer, 64U << 20U};
  std::vector<WireMessage> got_;
  bool greeted_ = false;
};

std::string url(const std::string& token, const std::string& more = {}) {
  return "/v1/ws?token=" + token + more;
}

}  // namespace

TEST_CASE("a token in the URL is answered by a hello with id 0", "[session]") {
  Bench bench;
  Peer peer(bench, url(bench.token()));
  const json hello = peer.next();
  CHECK(hello["id"] == 0);
  CHECK(hello["ok"]["clientId"] == "customer-42");
  CHECK(hello["ok"]["ping_ms"] == 25000);
  CHECK(hello["ok"]["session"].get<std::string>().starts_with("s-"));
  CHECK(bench.counts.total() == 1);
}

TEST_CASE("a token in the Authorization header is as good", "[session]") {
  Bench bench;
  Peer peer(bench, "/v1/ws", {{"Authorization", "Bearer " + bench.token()}});
  CHECK(peer.next()["id"] == 0);
}

TEST_CASE("a token by connect is answered under its id", "[session]") {
  Bench bench;
  Peer peer(bench, "/v1/ws");
  CHECK(peer.next().is_null());
  peer.say(R"({"id":1,"connect":{"token":")" + bench.token() + R"("}})");
  CHECK(peer.next()["ok"]["clientId"] == "customer-42");
  peer.say(R"({"id":2,"connect":{"token":")" + bench.token() + R"("}})");
  CHECK(peer.error() == 40900);
  peer.say(R"({"id":3,"ping":{}})");
  CHECK(peer.next() == json::parse(R"({"id":3,"ok":{}})"));
}

TEST_CASE("4001: a refused token completes the handshake and then disconnects", "[session]") {
  Bench bench;
  SECTION("nonsense in the URL") {
    Peer peer(bench, url("nonsense"));
    CHECK(peer.closed() == 4001);
    CHECK(peer.reconnect);
  }
  SECTION("an expired one") {
    const std::string old = bench.token(1000);
    bench.clock.advance(Milliseconds(1000));
    Peer peer(bench, url(old));
    CHECK(peer.closed() == 4001);
  }
  SECTION("nonsense by connect") {
    Peer peer(bench, "/v1/ws");
    peer.say(R"({"id":1,"connect":{"token":"x"}})");
    CHECK(peer.closed() == 4001);
  }
  SECTION("another command first") {
    Peer peer(bench, "/v1/ws");
    peer.say(R"({"id":1,"ping":{}})");
    CHECK(peer.closed() == 4001);
  }
  SECTION("no token within ten seconds") {
    Peer peer(bench, "/v1/ws");
    bench.pass(Milliseconds(9900));
    peer.read();
    CHECK(peer.closed() == 0);
    bench.pass(Milliseconds(200));
    peer.read();
    CHECK(peer.closed() == 4001);
  }
  SECTION("nonsense by refresh") {
    Peer peer(bench, url(bench.token()));
    peer.say(R"({"id":1,"refresh":{"token":"x"}})");
    CHECK(peer.closed() == 4001);
  }
}

TEST_CASE("4002: frames that are not understood end the session for good", "[session]") {
  Bench bench;
  Peer peer(bench, url(bench.token()));
  peer.say(GENERATE("hello", "[]", "{}", R"({"id":"1","ping":{}})", "", "{\"id\":1"));
  CHECK(peer.closed() == 4002);
  CHECK_FALSE(peer.reconnect);
  bench.pass(Milliseconds(6000));
  CHECK(bench.counts.total() == 0);
  CHECK(bench.loop.timers() == 0);
}

TEST_CASE("4003: a refresh with another client's token is forbidden", "[session]") {
  Bench bench;
  Peer peer(bench, url(bench.token()));
  peer.say(R"({"id":1,"refresh":{"token":")" + bench.token(60000, "mallory") + R"("}})");
  CHECK(peer.closed() == 4003);
  CHECK(peer.reconnect);
}

TEST_CASE("1003, 1007, 1009 and 1002 end the session with their code", "[session]") {
  Bench bench;
  Peer peer(bench, url(bench.token()));
  SECTION("binary") {
    peer.put(make_masked_frame(Opcode::kBinary, "x", 1));
    CHECK(peer.closed() == 1003);
  }
  SECTION("bad UTF-8") {
    peer.put(make_masked_frame(Opcode::kText, "\xff", 1));
    CHECK(peer.closed() == 1007);
  }
  SECTION("over 64 KiB") {
    peer.put(make_masked_frame(Opcode::kText, std::string(65537, 'x'), 1));
    CHECK(peer.closed() == 1009);
  }
  SECTION("not masked") {
    peer.put(make_frame(Opcode::kText, "{}"));
    CHECK(peer.closed() == 1002);
  }
  CHECK_FALSE(peer.reconnect);
  CHECK(peer.stream().peer_finished());
  CHECK(bench.door->open() == 1);
  peer.stream().shutdown_write();
  peer.read();
  CHECK(bench.door->open() == 0);
}

TEST_CASE("a frame of exactly 64 KiB is understood", "[session]") {
  Bench bench;
  Peer peer(bench, url(bench.token()));
  peer.next();
  std::string command = R"({"id":1,"ping":{"pad":")";
  command += std::string(65536 - command.size() - 3, 'x') + "\"}}";
  REQUIRE(command.size() == 65536);
  peer.say(command);
  CHECK(peer.next()["id"] == 1);
}

TEST_CASE("4009: an expired token refuses commands and then ends the session", "[session]") {
  config::Gateway settings;
  settings.ping = std::chrono::minutes(10);
  Bench bench(settings);
  Peer peer(bench, url(bench.token(60000)));
  peer.next();
  bench.pass(Milliseconds(60100));
  peer.say(R"({"id":1,"history":{"channel":"conversation:42"}})");
  CHECK(peer.error() == 40142);
  SECTION("refreshed in time") {
    peer.say(R"({"id":2,"refresh":{"token":")" + bench.token() + R"("}})");
    CHECK(peer.next()["ok"]["clientId"] == "customer-42");
    bench.pass(Milliseconds(20000));
    peer.read();
    CHECK(peer.closed() == 0);
  }
  SECTION("not refreshed") {
    bench.pass(Milliseconds(10100));
    peer.read();
    CHECK(peer.closed() == 4009);
    CHECK(peer.reconnect);
  }
}

TEST_CASE("4010: draining ends sessions and greets new ones with good-bye", "[session]") {
  Bench bench;
  Peer first(bench, url(bench.token()));
  Peer second(bench, url(bench.token()));
  bench.draining = true;
  bench.door->drain(Milliseconds(100));
  bench.pass(Milliseconds(300));
  first.read();
  second.read();
  CHECK(first.closed() == 4010);
  CHECK(second.closed() == 4010);
  CHECK(first.reconnect);
  // Each at a moment of its own.
  CHECK(first.retry_after_ms >= 0);
  CHECK(first.retry_after_ms <= 5000);
  Peer late(bench, url(bench.token()));
  CHECK(late.closed() == 4010);
  CHECK(late.retry_after_ms >= 0);
}

TEST_CASE("4011: a lost position ends the session", "[session]") {
  Bench bench;
  Peer peer(bench, url(bench.token()));
  peer.say(R"({"id":1,"subscribe":{"channel":"conversation:42"}})");
  bench.hub->local(bench.loop).push_lost("conversation:42");
  peer.read();
  CHECK(peer.closed() == 4011);
  CHECK(peer.reconnect);
}

TEST_CASE("4012: a missed pong ends the session, any sign of life keeps it", "[session]") {
  Bench bench;
  Peer peer(bench, url(bench.token()));
  peer.next();
  bench.pass(Milliseconds(25100));
  peer.read();
  CHECK(peer.pinged());
  CHECK(peer.next() == json::parse(R"({"ping":{}})"));
  SECTION("silence") {
    bench.pass(Milliseconds(10100));
    peer.read();
    CHECK(peer.closed() == 4012);
    CHECK(peer.reconnect);
  }
  SECTION("a pong") {
    bench.pass(Milliseconds(1000));
    peer.put(make_masked_frame(Opcode::kPong, "", 1));
    bench.pass(Milliseconds(20000));
    peer.read();
    CHECK(peer.closed() == 0);
  }
}

TEST_CASE("4029: connections over the limits are told so", "[session]") {
  config::Gateway settings;
  settings.max_sessions_per_address = 2;
  Bench bench(settings);
  Peer first(bench, url(bench.token()));
  Peer second(bench, url(bench.token()));
  Peer third(bench, url(bench.token()));
  CHECK(third.closed() == 4029);
  CHECK(third.reconnect);
  CHECK(bench.counts.total() == 2);
  first.stream().close();
  bench.loop.run();
  CHECK(bench.counts.total() == 1);
  Peer fourth(bench, url(bench.token()));
  CHECK(fourth.next()["id"] == 0);
}

TEST_CASE("4029: a client has so many connections and no more, wherever they come from",
          "[session]") {
  config::Gateway settings;
  settings.max_sessions_per_client = 2;
  Bench bench(settings);
  Peer first(bench, url(bench.token()));
  Peer second(bench, "/v1/ws");
  second.say(json{{"id", 1}, {"connect", {{"token", bench.token()}}}}.dump());
  CHECK(second.next()["id"] == 1);
  Peer third(bench, url(bench.token()));
  CHECK(third.closed() == 4029);
  Peer other(bench, url(bench.token(3'600'000, "customer-43")));
  CHECK(other.next()["id"] == 0);
  first.stream().close();
  bench.loop.run();
  Peer fourth(bench, url(bench.token()));
  CHECK(fourth.next()["id"] == 0);
}

TEST_CASE("4029: an address that connects too fast has to wait, another one has not", "[session]") {
  config::Gateway settings;
  settings.connects_per_s = 1;
  settings.connects_burst = 2;
  settings.trusted_proxies = {"127.0.0.1"};
  Bench bench(settings);
  const auto from = [&](const char* address) {
    Peer peer(bench, url(bench.token()), {{"X-Forwarded-For", address}});
    return peer.closed();
  };
  CHECK(from("192.0.2.7") == 0);
  CHECK(from("192.0.2.7") == 0);
  CHECK(from("192.0.2.7") == 4029);
  CHECK(from("192.0.2.8") == 0);
  bench.pass(Milliseconds(1100));
  CHECK(from("192.0.2.7") == 0);
  CHECK(from("192.0.2.7") == 4029);
}

TEST_CASE("what a peer that does not read has sent waits, and is answered when it reads",
          "[session]") {
  config::Gateway settings;
  settings.max_outbox_bytes = 4096;
  Bench bench(settings);
  Peer peer(bench, "/v1/ws");
  peer.say(json{{"id", 1}, {"connect", {{"token", bench.token()}}}}.dump());
  peer.next();
  peer.stream().set_capacity(100);
  std::string pings;
  for (int id = 2; id <= 1001; ++id) {
    pings += make_masked_frame(Opcode::kText, json{{"id", id}, {"ping", json::object()}}.dump(), 1);
  }
  peer.stream().put(pings);
  bench.loop.run();
  int answered = 0;
  for (int turns = 0; turns < 2000; ++turns) {
    peer.read();
    while (!peer.next().is_null()) ++answered;
  }
  CHECK(peer.closed() == 0);
  CHECK(answered == 1000);
}

TEST_CASE("a peer's close frame is answered with the same code", "[session]") {
  Bench bench;
  Peer peer(bench, url(bench.token()));
  peer.put(make_masked_frame(Opcode::kClose, close_payload(1000, "bye"), 1));
  CHECK(peer.closed(false) == 1000);
  peer.stream().shutdown_write();
  bench.loop.run();
  CHECK(bench.door->open() == 0);
  CHECK(bench.loop.timers() == 0);
}

TEST_CASE("a peer that vanishes leaves nothing behind", "[session]") {
  Bench bench;
  Peer peer(bench, url(bench.token()));
  peer.stream().close();
  bench.loop.run();
  CHECK(bench.counts.total() == 0);
  CHECK(bench.door->open() == 0);
  CHECK(bench.loop.timers() == 0);
}

TEST_CASE("a closed peer that does not hang up is dropped after a while", "[session]") {
  Bench bench;
  Peer peer(bench, url("nonsense"));
  CHECK(bench.door->open() == 1);
  bench.pass(Milliseconds(5100));
  CHECK(bench.door->open() == 0);
}

TEST_CASE("commands are refused by their codes", "[session]") {
  Bench bench;
  Peer peer(bench, url(bench.token()));
  peer.next();
  const auto code = [&](const std::string& command) {
    peer.say(R"({"id":7,)" + command + "}");
    return peer.error();
  };
  CHECK(code(R"("fly":{})") == 40000);
  CHECK(code(R"("subscribe":{})") == 40001);
  CHECK(code(R"("subscribe":7)") == 40020);
  CHECK(code(R"("subscribe":{"channel":"conversation:7"})") == 40160);
  CHECK(code(R"("subscribe":{"channel":"conversation:42:internal"})") == 40160);
  CHECK(code(R"("publish":{"channel":"conversation:7","event":"typing:start"})") == 40160);
  CHECK(code(R"("publish":{"channel":"conversation:42","event":"message:ai"})") == 40160);
  CHECK(code(R"("history":{"channel":"ops"})") == 40160);
  CHECK(code(R"("presence":{"channel":"agents"})") == 40160);
  CHECK(code(R"("enter":{"channel":"oncall"})") == 40160);
  CHECK(code(R"("unsubscribe":{"channel":"conversation:42"})") == 40400);
  CHECK(code(R"("leave":{"channel":"conversation:42"})") == 40400);
  CHECK(code(R"("send":{"channel":"conversation:42","content":"x"})") == 40400);
  // Redis is away: refused, with a delay, and the session stays.
  peer.say(R"({"id":8,"subscribe":{"channel":"conversation:42"}})");
  bench.pass(Milliseconds(2100));
  peer.read();
  CHECK(peer.error() == 50300);
  CHECK(code(R"("history":{"channel":"conversation:42"})") == 50300);
  CHECK(code(R"("publish":{"channel":"conversation:42","event":"typing:start"})") == 50300);
  CHECK(code(R"("enter":{"channel":"conversation:42"})") == 50300);
  CHECK(peer.closed() == 0);
}

TEST_CASE("a capability refusal names operation and channel", "[session]") {
  Bench bench;
  Peer peer(bench, url(bench.token()));
  peer.next();
  peer.say(R"({"id":3,"publish":{"channel":"conversation:7","event":"read","data":{}}})");
  CHECK(peer.next() == json::parse(R"({"id":3,"error":{"code":40160,
      "message":"capability denied: publish on conversation:7"}})"));
}

TEST_CASE("the 51st publish of a burst is refused with a delay", "[session]") {
  Bench bench;
  Peer peer(bench, url(bench.token()));
  peer.next();
  const std::string publish =
      R"({"id":1,"publish":{"channel":"conversation:7","event":"typing:start"}})";
  for (int i = 0; i < 50; ++i) {
    peer.say(publish);
    CHECK(peer.error() == 40160);
  }
  peer.say(publish);
  const json refused = peer.next();
  CHECK(refused["error"]["code"] == 42910);
  CHECK(refused["error"]["retry_after_ms"] == 20);
  bench.clock.advance(Milliseconds(20));
  peer.say(publish);
  CHECK(peer.error() == 40160);
}

TEST_CASE("several objects in a frame are understood only after batch=1", "[session]") {
  Bench bench;
  const std::string two = "{\"id\":1,\"ping\":{}}\n{\"id\":2,\"ping\":{}}\n";
  Peer batch(bench, url(bench.token(), "&batch=1"));
  batch.next();
  batch.say(two);
  CHECK(batch.next()["id"] == 1);
  CHECK(batch.next()["id"] == 2);
  Peer single(bench, url(bench.token()));
  single.say(two);
  CHECK(single.closed() == 4002);
}

TEST_CASE("frames cut at every byte mean the same", "[session]") {
  Bench bench;
  Peer peer(bench, url(bench.token()));
  peer.next();
  for (const char byte : make_masked_frame(Opcode::kText, R"({"id":5,"ping":{}})", 77)) {
    peer.put(std::string_view(&byte, 1));
  }
  CHECK(peer.next()["id"] == 5);
}

TEST_CASE("a refresh ends what the new token does not allow", "[session]") {
  Bench bench;
  Peer peer(bench, url(bench.token()));
  peer.next();
  peer.say(R"({"id":1,"refresh":{"token":")" + bench.token(7200000) + R"("}})");
  const json answer = peer.next();
  CHECK(answer["ok"]["expires"] == bench.clock.wall_ms() + 7200000);
  CHECK(answer["ok"]["ended"] == json::array());
}

TEST_CASE("answers to one read leave in one write", "[session]") {
  Bench bench;
  Peer peer(bench, url(bench.token()));
  peer.next();
  const std::size_t before = peer.stream().peer_writes();
  std::string frames;
  for (int i = 1; i <= 20; ++i) {
    frames +=
        make_masked_frame(Opcode::kText, R"({"id":)" + std::to_string(i) + R"(,"ping":{}})", 1);
  }
  peer.put(frames);
  for (int i = 1; i <= 20; ++i) CHECK(peer.next()["id"] == i);
  CHECK(peer.stream().peer_writes() == before + 1);
}

TEST_CASE("pings are answered with their own payload", "[session]") {
  Bench bench;
  Peer peer(bench, url(bench.token()));
  peer.stream().put(make_masked_frame(Opcode::kPing, "abc", 1));
  bench.loop.run();
  CHECK(peer.stream().take().ends_with(make_frame(Opcode::kPong, "abc")));
}
