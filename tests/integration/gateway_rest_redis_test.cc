// REST, SSE and long poll over real sockets and a real Redis.

#include <nlohmann/json.hpp>
#include <string>

#include "publishers/revocation_feed.h"
#include "publishers/token.h"
#include "tests/support/catch.h"
#include "tests/support/gateway_bench.h"
#include "tests/support/raw_client.h"

using namespace deskwire;
using namespace deskwire::testing;
using nlohmann::json;

namespace {

constexpr const char* kMessages = "/v1/channels/conversation%3A42/messages";

std::map<std::string, std::string> bearer(const std::string& credential) {
  return {{"Authorization", "Bearer " + credential}};
}

test::RawClient stream(const GatewayBench& bench, const std::string& target,
                       const std::string& headers) {
  const std::string url = bench.url("");
  test::RawClient client(static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1))));
  client.send("GET " + target + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n");
  return client;
}

int code(const HttpAnswer& answer) { return answer.json().value("/error/code"_json_pointer, 0); }

}  // namespace

TEST_CASE("messages are published once an idempotency key and read back", "[rest]") {
  RedisServer redis;
  GatewayBench bench(redis.options());
  auto headers = bearer("server-key");
  headers["Idempotency-Key"] = "k-1";
  const std::string body = R"({"event":"message:ai","data":{"messageId":"9","content":"Hi"}})";
  const HttpAnswer first = http(bench, "POST", kMessages, headers, body);
  CHECK(first.status == 201);
  CHECK(first.json()["offset"] == 1);
  const HttpAnswer again = http(bench, "POST", kMessages, headers, body);
  CHECK(again.status == 200);
  CHECK(again.json()["id"] == first.json()["id"]);
  CHECK(again.json()["duplicate"] == true);
  headers.erase("Idempotency-Key");
  CHECK(http(bench, "POST", kMessages, headers, body).json()["offset"] == 2);

  const HttpAnswer page = http(bench, "GET", std::string(kMessages) + "?limit=1", headers);
  CHECK(page.status == 200);
  CHECK(page.json()["events"].size() == 1);
  CHECK(page.json()["events"][0]["offset"] == 2);
  CHECK(page.json()["more"] == true);
  const HttpAnswer older = http(bench, "GET", std::string(kMessages) + "?before=2", headers);
  CHECK(older.json()["events"][0]["data"]["content"] == "Hi");
}

TEST_CASE("REST refuses what the sender may not do", "[rest]") {
  RedisServer redis;
  GatewayBench bench(redis.options());
  const std::string read = R"({"event":"read","data":{"messageId":"1"}})";
  const auto post = [&](const std::string& credential, const std::string& body,
                        const std::string& target = kMessages) {
    return http(bench, "POST", target, bearer(credential), body);
  };
  CHECK(post(bench.token("ann"), read).status == 201);
  CHECK(post("nonsense", read).status == 401);
  CHECK(code(post("nonsense", read)) == 40101);
  CHECK(code(post(bench.token("ann", "customer", Milliseconds(-5000)), read)) == 40142);
  const HttpAnswer denied = post(bench.token("ann"), R"({"event":"message:ai","data":{}})");
  CHECK(denied.status == 401);
  CHECK(code(denied) == 40160);
  CHECK(code(post("narrow-key", R"({"event":"x"})", "/v1/channels/ops/messages")) == 40160);
  CHECK(post("server-key", R"({"event":"alert:firing"})", "/v1/channels/ops/messages").status ==
        201);
  CHECK(code(post("server-key", "not json")) == 40020);
  CHECK(code(post("server-key", "[]")) == 40020);
  CHECK(code(post("server-key", R"({"event":"x","data":7})")) == 40001);
  CHECK(code(post("server-key", R"({"data":{}})")) == 40001);
  CHECK(code(post("server-key", read, "/v1/channels/a%20b/messages")) == 40001);
  CHECK(http(bench, "GET", std::string(kMessages) + "?limit=0", bearer("server-key")).status ==
        400);
  CHECK(http(bench, "GET", std::string(kMessages) + "?before=x", bearer("server-key")).status ==
        400);
  CHECK(http(bench, "DELETE", kMessages, bearer("server-key")).status == 405);
  CHECK(http(bench, "GET", kMessages).status == 401);
  CHECK(http(bench, "GET", "/v1/channels/a/nothing", bearer("server-key")).status == 404);
  CHECK(http(bench, "GET", "/nothing").status == 404);
  CHECK(http(bench, "POST", "/v1/sla/alerts/1/ack", bearer("server-key")).status == 404);
}

TEST_CASE("quick replies are those last offered by the persona, else its own", "[rest]") {
  RedisServer redis;
  config::Config config = gateway_config();
  config.replies.personas["Ada"].suggestions = {"Track my order"};
  GatewayBench bench(redis.options(), config);
  const auto asked = [&](const std::string& query) {
    return http(bench, "GET", "/v1/conversations/42/suggestions" + query, bearer("server-key"));
  };
  CHECK(asked("?persona=Ada").body == R"({"persona":"Ada","suggestions":["Track my order"]})");
  CHECK(asked("").body == R"({"persona":"Assistant","suggestions":[]})");
  CHECK(code(asked("?persona=Bob")) == 40400);
  const auto offer = [&](const std::string& data) {
    return http(bench, "POST", "/v1/channels/conversation:42/messages", bearer("server-key"),
                R"({"event":"ui:suggestions","data":)" + data + "}")
        .status;
  };
  CHECK(offer(R"({"persona":"Ada","suggestions":["Yes","No"]})") == 201);
  CHECK(asked("?persona=Ada").body == R"({"persona":"Ada","suggestions":["Yes","No"]})");
  CHECK(asked("").body == R"({"persona":"Assistant","suggestions":[]})");
  CHECK(offer(R"({"suggestions":["Maybe"]})") == 201);
  CHECK(asked("?persona=Ada").body == R"({"persona":"Ada","suggestions":["Maybe"]})");
  CHECK(asked("").body == R"({"persona":"Assistant","suggestions":["Maybe"]})");
  CHECK(http(bench, "GET", "/v1/conversations/42/suggestions").status == 401);
}

TEST_CASE("publishing by REST is limited by client", "[rest]") {
  RedisServer redis;
  config::Config config = gateway_config();
  config.gateway.threads = 1;
  config.gateway.publish_per_s = 1;
  config.gateway.publish_burst = 3;
  GatewayBench bench(redis.options(), config);
  const std::string read = R"({"event":"read","data":{"messageId":"1"}})";
  for (int i = 0; i < 3; ++i) {
    CHECK(http(bench, "POST", kMessages, bearer(bench.token("ann")), read).status == 201);
  }
  const HttpAnswer refused = http(bench, "POST", kMessages, bearer(bench.token("ann")), read);
  CHECK(refused.status == 429);
  CHECK(refused.head.find("Retry-After: 1") != std::string::npos);
  CHECK(http(bench, "POST", kMessages, bearer(bench.token("bob")), read).status == 201);
  CHECK(http(bench, "POST", kMessages, bearer("server-key"), read).status == 201);
}

TEST_CASE("a long poll answers with what follows, at once or when it comes", "[rest]") {
  RedisServer redis;
  GatewayBench bench(redis.options());
  bench.append("conversation:42", 1);
  bench.append("conversation:42", 2);
  const std::string poll = "/v1/channels/conversation:42/poll";
  const HttpAnswer now = http(bench, "GET", poll + "?wait=0", bearer("server-key"));
  CHECK(now.status == 200);
  CHECK(now.json()["events"] == json::array());
  CHECK(now.json()["offset"] == 2);
  const std::string epoch = now.json()["epoch"];
  const HttpAnswer missed =
      http(bench, "GET", poll + "?epoch=" + epoch + "&offset=0", bearer("server-key"));
  CHECK(missed.json()["events"].size() == 2);
  CHECK(missed.json()["recovered"] == true);
  CHECK(missed.json()["offset"] == 2);

  test::RawClient waiting = stream(bench, poll + "?epoch=" + epoch + "&offset=2&wait=20",
                                   "Authorization: Bearer server-key\r\n");
  // The poll may be subscribed before or after it: it is answered with the event either way.
  bench.append("conversation:42", 3);
  const json answer = json::parse(waiting.response().body);
  CHECK(answer["events"].size() == 1);
  CHECK(answer["offset"] == 3);

  const HttpAnswer lost = http(bench, "GET", poll + "?epoch=zz&offset=1", bearer("server-key"));
  CHECK(lost.json()["recovered"] == false);
  CHECK(lost.json()["offset"] == 3);
  CHECK(http(bench, "GET", poll + "?wait=56", bearer("server-key")).status == 400);
  CHECK(http(bench, "GET", poll + "?epoch=k&offset=-1", bearer("server-key")).status == 400);
}

TEST_CASE("an event stream carries events and resumes by Last-Event-ID", "[rest]") {
  RedisServer redis;
  GatewayBench bench(redis.options());
  const std::string target = "/v1/channels/conversation:42/events?token=" + bench.token("ann");
  std::string id;
  {
    test::RawClient events = stream(bench, target, "");
    const std::string head = events.read_until("\r\n\r\n");
    CHECK(head.find("200") != std::string::npos);
    CHECK(head.find("Content-Type: text/event-stream") != std::string::npos);
    CHECK(events.read_until("\n\n").find("event: subscribed\n") != std::string::npos);
    bench.append("conversation:42", 1);
    const std::string event = events.read_until("\n\n");
    CHECK(event.find(R"("messageId":"1")") != std::string::npos);
    const std::size_t at = event.find("id: ");
    REQUIRE(at != std::string::npos);
    id = event.substr(at + 4, event.find('\n', at) - at - 4);
    CHECK(id.ends_with(":1"));
  }
  bench.append("conversation:42", 2);
  bench.append("conversation:42", 3);
  test::RawClient events = stream(bench, target, "Last-Event-ID: " + id + "\r\n");
  events.read_until("\r\n\r\n");
  const std::string hello = events.read_until("\n\n");
  CHECK(hello.find(R"("recovered":true)") != std::string::npos);
  CHECK(hello.find("id: ") == std::string::npos);
  CHECK(events.read_until("\n\n").find(R"("messageId":"2")") != std::string::npos);
  CHECK(events.read_until("\n\n").find(R"("messageId":"3")") != std::string::npos);

  CHECK(http(bench, "GET", "/v1/channels/ops/events?token=" + bench.token("ann")).status == 401);
  CHECK(http(bench, "GET", target, {{"Last-Event-ID", "nonsense"}}).status == 400);
}

TEST_CASE("draining ends streams and polls", "[rest]") {
  RedisServer redis;
  GatewayBench bench(redis.options());
  test::RawClient events =
      stream(bench, "/v1/channels/conversation:42/events", "Authorization: Bearer server-key\r\n");
  events.read_until("\n\n");
  bench.gateway().drain();
  CHECK(events.read_to_end().ends_with("0\r\n\r\n"));
}

TEST_CASE("presence is read by REST", "[rest]") {
  RedisServer redis;
  GatewayBench bench(redis.options());
  PlainClient ann(bench, bench.token("ann"));
  ann.ask("enter", {{"channel", "conversation:42"}, {"data", {{"a", 1}}}});
  const HttpAnswer answer =
      http(bench, "GET", "/v1/channels/conversation:42/presence", bearer("narrow-key"));
  CHECK(answer.json()["presence"] == json::array({{{"clientId", "ann"}, {"data", {{"a", 1}}}}}));
}

TEST_CASE("tokens made by REST open a session", "[rest]") {
  RedisServer redis;
  GatewayBench bench(redis.options());
  const std::string wanted =
      R"({"clientId":"ann","capability":{"conversation:42":["subscribe"]},"ttl":60000})";
  const HttpAnswer issued = http(bench, "POST", "/v1/tokens", bearer("narrow-key"), wanted);
  CHECK(issued.status == 200);
  const json answer = issued.json();
  CHECK(answer["expires"].get<std::int64_t>() - answer["issued"].get<std::int64_t>() == 60000);
  PlainClient ann(bench, answer["token"].get<std::string>());
  CHECK(ann.ask("subscribe", {{"channel", "conversation:42"}}).contains("epoch"));

  const std::string beyond = R"({"clientId":"ann","capability":{"ops":["subscribe"]}})";
  CHECK(code(http(bench, "POST", "/v1/tokens", bearer("narrow-key"), beyond)) == 40160);
  CHECK(http(bench, "POST", "/v1/tokens", bearer("server-key"), beyond).status == 200);
  CHECK(http(bench, "POST", "/v1/tokens", bearer(bench.token("ann")), wanted).status == 401);
  CHECK(http(bench, "POST", "/v1/tokens", {}, wanted).status == 401);
  CHECK(http(bench, "GET", "/v1/tokens", bearer("server-key")).status == 405);
  CHECK(code(http(bench, "POST", "/v1/tokens", bearer("server-key"), "{}")) == 40001);
}

TEST_CASE("a sandbox session can write and hear", "[rest]") {
  RedisServer redis;
  GatewayBench bench(redis.options());
  const HttpAnswer opened = http(bench, "POST", "/v1/sandbox/sessions");
  CHECK(opened.status == 200);
  const json session = opened.json();
  PlainClient visitor(bench, session["token"].get<std::string>());
  visitor.ask("subscribe", {{"channel", session["channel"]}});
  const json sent = visitor.ask(
      "send",
      {{"channel", session["channel"]}, {"content", "hello"}, {"simulate", {{"post", "fail"}}}});
  CHECK(sent["job"].is_string());
  CHECK(visitor.push_of("message:user")["data"]["content"] == "hello");
}

TEST_CASE("a client that can only poll sends messages by REST, once each", "[rest]") {
  RedisServer redis;
  GatewayBench bench(redis.options());
  const json session = http(bench, "POST", "/v1/sandbox/sessions").json();
  const std::string target = "/v1/channels/" + session["channel"].get<std::string>() + "/messages";
  const auto headers = bearer(session["token"].get<std::string>());
  const std::string body = R"({"content":"hello","clientMessageId":"c-1"})";
  const HttpAnswer first = http(bench, "POST", target, headers, body);
  CHECK(first.status == 201);
  CHECK(first.json()["job"].is_string());
  CHECK(first.json()["offset"] == 1);
  const HttpAnswer again = http(bench, "POST", target, headers, body);
  CHECK(again.status == 200);
  CHECK(again.json()["messageId"] == first.json()["messageId"]);

  auto keyed = headers;
  keyed["Idempotency-Key"] = "c-1";
  const HttpAnswer by_key = http(bench, "POST", target, keyed, R"({"content":"hello"})");
  CHECK(by_key.json()["messageId"] == first.json()["messageId"]);

  const json events = http(bench, "GET", target, headers).json()["events"];
  CHECK(events.size() == 1);
  CHECK(events[0]["data"]["clientMessageId"] == "c-1");

  CHECK(code(http(bench, "POST", target, headers, R"({"content":""})")) == 40001);
  CHECK(code(http(bench, "POST", target, headers, R"({"content":7})")) == 40001);
  CHECK(code(http(bench, "POST", target, bearer("server-key"), R"({"content":"x"})")) == 40001);
  CHECK(code(http(bench, "POST", kMessages, headers, R"({"content":"x"})")) == 40160);
}

TEST_CASE("pages of other origins are kept out, allowed ones get CORS headers", "[rest]") {
  RedisServer redis;
  config::Config config = gateway_config();
  config.gateway.origins = {"https://shop.example"};
  GatewayBench bench(redis.options(), config);
  const HttpAnswer evil =
      http(bench, "POST", "/v1/sandbox/sessions", {{"Origin", "https://evil.example"}});
  CHECK(evil.status == 403);
  CHECK(code(evil) == 40300);
  const HttpAnswer shop =
      http(bench, "POST", "/v1/sandbox/sessions", {{"Origin", "https://shop.example"}});
  CHECK(shop.status == 200);
  CHECK(shop.head.find("Access-Control-Allow-Origin: https://shop.example") != std::string::npos);
  CHECK(shop.head.find("Access-Control-Expose-Headers: Retry-After") != std::string::npos);
  const HttpAnswer preflight =
      http(bench, "OPTIONS", kMessages,
           {{"Origin", "https://shop.example"}, {"Access-Control-Request-Method", "POST"}});
  CHECK(preflight.status == 204);
  CHECK(preflight.head.find("Access-Control-Allow-Headers: Authorization") != std::string::npos);

  publishers::WebSocketClient::Options options;
  options.headers = {{"Origin", "https://evil.example"}};
  const auto refused = publishers::WebSocketClient::connect(bench.url("/v1/ws?token=x"), options);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kDenied);
  CHECK(refused.error().message.find("403") != std::string::npos);
  options.headers = {{"Origin", "https://shop.example"}};
  CHECK(publishers::WebSocketClient::connect(bench.url("/v1/ws?token=x"), options));
}

TEST_CASE("pages are served and addresses that upgrade say so", "[rest]") {
  RedisServer redis;
  GatewayBench bench(redis.options());
  const HttpAnswer page = http(bench, "GET", "/");
  CHECK(page.status == 200);
  CHECK(page.body == "<p>chat</p>");
  CHECK(page.head.find("Content-Type: text/html") != std::string::npos);
  CHECK(http(bench, "HEAD", "/").status == 200);
  CHECK(http(bench, "POST", "/").status == 405);
  const HttpAnswer plain = http(bench, "GET", "/v1/ws");
  CHECK(plain.status == 426);
  CHECK(plain.head.find("Sec-WebSocket-Version: 13") != std::string::npos);
  CHECK(http(bench, "GET", "/v1/ws",
             {{"Upgrade", "websocket"}, {"Connection", "Upgrade"}, {"Sec-WebSocket-Version", "8"}})
            .status == 426);
  CHECK(http(bench, "GET", "/v1/ws",
             {{"Upgrade", "websocket"},
              {"Connection", "Upgrade"},
              {"Sec-WebSocket-Version", "13"},
              {"Sec-WebSocket-Key", "short"}})
            .status == 400);
}

TEST_CASE("REST says so while Redis is away", "[rest][faults]") {
  RedisServer redis;
  GatewayBench bench(redis.options());
  redis.kill();
  const HttpAnswer away = http(bench, "GET", kMessages, bearer("server-key"));
  CHECK(away.status == 503);
  CHECK(away.head.find("Retry-After: 1") != std::string::npos);
  CHECK(http(bench, "GET", "/v1/channels/a/poll?wait=1", bearer("server-key")).status == 503);
  CHECK(http(bench, "GET", "/v1/channels/a/events", bearer("server-key")).status == 503);
}

TEST_CASE("long logs come in several answers and nothing is lost between them", "[rest]") {
  RedisServer redis;
  GatewayBench bench(redis.options());
  const std::string channel = "conversation:42";
  Event event;
  event.channel = channel;
  event.name = "message:user";
  for (int i = 1; i <= 40; ++i) {
    event.id = "e-" + std::to_string(i);
    event.data = R"({"content":")" + std::string(50'000, 'x') + R"("})";
    REQUIRE(bench.log().append(event));
  }
  const std::string base = "/v1/channels/conversation:42/";
  const std::string epoch =
      http(bench, "GET", base + "poll?wait=0", bearer("server-key")).json()["epoch"];

  SECTION("polls") {
    std::uint64_t position = 0;
    int polls = 0;
    while (position < 40) {
      const json answer =
          http(bench, "GET", base + "poll?epoch=" + epoch + "&offset=" + std::to_string(position),
               bearer("server-key"))
              .json();
      REQUIRE(answer["recovered"] == true);
      for (const json& one : answer["events"]) CHECK(one["offset"] == ++position);
      CHECK(answer["offset"] == position);
      ++polls;
    }
    CHECK(polls > 1);
  }
  SECTION("history") {
    std::uint64_t before = 0;
    std::uint64_t seen = 0;
    do {
      const json page = http(bench, "GET",
                             base + "messages?limit=200" +
                                 (before > 0 ? "&before=" + std::to_string(before) : std::string()),
                             bearer("server-key"))
                            .json();
      REQUIRE(!page["events"].empty());
      seen += page["events"].size();
      if (before > 0) CHECK(page["events"].back()["offset"] == before - 1);
      before = page["events"].front()["offset"];
      CHECK(page["more"] == (before > 1));
    } while (before > 1);
    CHECK(seen == 40);
    const json forwards =
        http(bench, "GET", base + "messages?limit=200&after=1", bearer("server-key")).json();
    CHECK(forwards["events"].front()["offset"] == 2);
    CHECK(forwards["more"] == true);
  }
  SECTION("event streams") {
    std::string id = epoch + ":0";
    int streams = 0;
    while (id != epoch + ":40") {
      test::RawClient events = stream(bench, base + "events?token=" + bench.token("ann"),
                                      "Last-Event-ID: " + id + "\r\n");
      ++streams;
      REQUIRE(streams < 10);
      for (std::string one; !(one = events.read_until("\n\n")).empty();) {
        const std::size_t at = one.find("id: ");
        if (at != std::string::npos) id = one.substr(at + 4, one.find('\n', at) - at - 4);
        if (one.find("\r\n0\r\n") != std::string::npos || id == epoch + ":40") break;
      }
    }
    CHECK(streams > 1);
  }
}

TEST_CASE("a revoked client's session, stream and later requests end", "[rest][token]") {
  RedisServer redis;
  GatewayBench bench(redis.options());
  const std::string token = bench.token("ann");
  PlainClient ann(bench, token);
  PlainClient bob(bench, bench.token("bob"));
  test::RawClient events = stream(bench, "/v1/channels/conversation:42/events",
                                  "Authorization: Bearer " + token + "\r\n");
  publishers::Revocation revocation;
  revocation.client_id = "ann";
  revocation.issued_until_ms = SystemClock().wall_ms();
  revocation.actor = "test";
  REQUIRE(publishers::store_revocation(bench.client(), revocation, std::chrono::hours(24)));
  CHECK(ann.closed() == 4001);
  CHECK(events.response().body.find("event: subscribed") != std::string::npos);
  CHECK(code(http(bench, "GET", kMessages, bearer(token))) == 40101);
  CHECK(bob.ask("ping", json::object()) == json::object());
  CHECK(http(bench, "GET", kMessages, bearer(bench.token("ann"))).status == 200);
  const auto stored = publishers::list_revocations(bench.client(), 10);
  REQUIRE(stored);
  REQUIRE(stored->size() == 1);
  CHECK(stored->front().client_id == "ann");
  CHECK(stored->front().kept_until_ms > SystemClock().wall_ms() + 86'000'000);
}

TEST_CASE("other keys end the sessions of those that are gone, and no others", "[rest][token]") {
  RedisServer redis;
  config::Config config = gateway_config();
  GatewayBench bench(redis.options(), config);
  PlainClient stays(bench, bench.token("ann"));
  config.gateway.server_keys.pop_back();
  REQUIRE(bench.gateway().reload(config));
  CHECK(stays.ask("ping", json::object()) == json::object());
  CHECK(code(http(bench, "GET", kMessages, bearer("narrow-key"))) == 40101);
  config.gateway.keys = {{"other", config::Secret(std::string(32, 'o'))}};
  REQUIRE(bench.gateway().reload(config));
  CHECK(stays.closed() == 4001);
}
