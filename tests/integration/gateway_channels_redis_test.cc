// The plain protocol over real sockets and a real Redis: what clients see of channels.

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/gateway_bench.h"

using namespace deskwire;
using namespace deskwire::testing;
using nlohmann::json;

namespace {
constexpr const char* kChannel = "conversation:42";
}  // namespace

TEST_CASE("a published event reaches every subscriber and is kept", "[gateway]") {
  RedisServer redis;
  GatewayBench bench(redis.options());
  PlainClient ann(bench, bench.token("ann"));
  PlainClient bob(bench, bench.token("bob", "agent"));
  const json subscribed = ann.ask("subscribe", {{"channel", kChannel}});
  CHECK(subscribed["channel"] == kChannel);
  CHECK_FALSE(subscribed["epoch"].get<std::string>().empty());
  CHECK(subscribed["offset"] == 0);
  CHECK(subscribed["recovered"] == false);
  CHECK(subscribed["presence"] == json::array());
  CHECK(bob.ask("subscribe", {{"channel", kChannel}})["epoch"] == subscribed["epoch"]);

  const json published = ann.ask(
      "publish", {{"channel", kChannel}, {"event", "read"}, {"data", {{"messageId", "7"}}}});
  CHECK(published["offset"] == 1);
  for (PlainClient* client : {&ann, &bob}) {
    const json event = client->push();
    CHECK(event["channel"] == kChannel);
    CHECK(event["epoch"] == subscribed["epoch"]);
    CHECK(event["offset"] == 1);
    CHECK(event["id"] == published["id"]);
    CHECK(event["event"] == "read");
    CHECK(event["clientId"] == "ann");
    CHECK(event["data"]["messageId"] == "7");
    CHECK(event["timestamp"] == event["data"]["timestamp"]);
  }
  const json history = bob.ask("history", {{"channel", kChannel}});
  REQUIRE(history["events"].size() == 1);
  CHECK(history["events"][0]["id"] == published["id"]);
  CHECK(history["epoch"] == subscribed["epoch"]);
  CHECK(history["more"] == false);
}

TEST_CASE("typing is not sent back to the typist, not kept, and ends by itself", "[gateway]") {
  RedisServer redis;
  GatewayBench bench(redis.options());
  PlainClient ann(bench, bench.token("ann"));
  PlainClient bob(bench, bench.token("bob", "agent"));
  ann.ask("subscribe", {{"channel", kChannel}});
  bob.ask("subscribe", {{"channel", kChannel}});
  const json typed = ann.ask("publish", {{"channel", kChannel}, {"event", "typing:start"}});
  CHECK_FALSE(typed.contains("offset"));
  const json seen = bob.push();
  CHECK(seen["event"] == "typing:start");
  CHECK_FALSE(seen.contains("offset"));
  CHECK(seen["data"]["actor"] == "customer");
  CHECK(seen["data"]["sender"] == json({{"id", "ann"}, {"name", "Name of ann"}}));
  // Nobody refreshes it: the stop comes from the hub.
  CHECK(bob.push_of("typing:stop")["data"]["sender"]["id"] == "ann");
  // Ann has seen none of it: her next push is the message.
  bench.append(kChannel, 1);
  CHECK(ann.push()["event"] == "message:user");
}

TEST_CASE("a client that missed 50 events gets exactly those, in order", "[gateway]") {
  RedisServer redis;
  GatewayBench bench(redis.options());
  json position;
  {
    PlainClient ann(bench, bench.token("ann"));
    ann.ask("subscribe", {{"channel", kChannel}});
    for (int i = 1; i <= 3; ++i) bench.append(kChannel, i);
    for (int i = 1; i <= 3; ++i) position = ann.push();
    ann.hang_up();
  }
  for (int i = 4; i <= 53; ++i) bench.append(kChannel, i);
  PlainClient ann(bench, bench.token("ann"));
  const json subscribed = ann.ask(
      "subscribe", {{"channel", kChannel},
                    {"recover", {{"epoch", position["epoch"]}, {"offset", position["offset"]}}}});
  CHECK(subscribed["recovered"] == true);
  CHECK(subscribed["offset"] == 53);
  bench.append(kChannel, 54);
  for (int i = 4; i <= 54; ++i) {
    const json event = ann.push();
    CHECK(event["offset"] == i);
    CHECK(event["data"]["messageId"] == std::to_string(i));
  }
}

TEST_CASE("recovery is exact while events keep coming", "[gateway]") {
  RedisServer redis;
  GatewayBench bench(redis.options());
  bench.append(kChannel, 1);
  const json epoch =
      PlainClient(bench, bench.token("x")).ask("history", {{"channel", kChannel}})["epoch"];
  int failures = 0;
  std::thread publisher([&] {
    for (int i = 2; i <= 400; ++i) failures += bench.try_append(kChannel, i) ? 0 : 1;
  });
  for (int round = 0; round < 5; ++round) {
    PlainClient ann(bench, bench.token("ann"));
    const json subscribed = ann.ask(
        "subscribe", {{"channel", kChannel}, {"recover", {{"epoch", epoch}, {"offset", 1}}}});
    CHECK(subscribed["recovered"] == true);
    const std::uint64_t top = subscribed["offset"];
    for (std::uint64_t offset = 2; offset <= std::max<std::uint64_t>(top, 40); ++offset) {
      const json event = ann.push();
      REQUIRE(event["offset"] == offset);
    }
  }
  publisher.join();
  CHECK(failures == 0);
}

TEST_CASE("a position that the log does not know is not recovered", "[gateway]") {
  RedisServer redis;
  GatewayBench bench(redis.options());
  bench.append(kChannel, 1);
  PlainClient ann(bench, bench.token("ann"));
  const json subscribed =
      ann.ask("subscribe", {{"channel", kChannel}, {"recover", {{"epoch", "zz"}, {"offset", 1}}}});
  CHECK(subscribed["recovered"] == false);
  CHECK(subscribed["offset"] == 1);
  CHECK(ann.ask("subscribe", {{"channel", kChannel}})["code"] == 40900);
  CHECK(ann.ask("unsubscribe", {{"channel", kChannel}}) == json::object());
  const json again = ann.ask(
      "subscribe",
      {{"channel", kChannel}, {"recover", {{"epoch", subscribed["epoch"]}, {"offset", 1}}}});
  CHECK(again["recovered"] == true);
}

TEST_CASE("history pages backwards and forwards", "[gateway]") {
  RedisServer redis;
  GatewayBench bench(redis.options());
  for (int i = 1; i <= 10; ++i) bench.append(kChannel, i);
  PlainClient ann(bench, bench.token("ann"));
  const auto offsets = [](const json& page) {
    std::vector<int> out;
    for (const json& event : page["events"]) out.push_back(event["offset"]);
    return out;
  };
  const json newest = ann.ask("history", {{"channel", kChannel}, {"limit", 3}});
  CHECK(offsets(newest) == std::vector<int>{8, 9, 10});
  CHECK(newest["more"] == true);
  const json older = ann.ask("history", {{"channel", kChannel}, {"limit", 3}, {"before", 8}});
  CHECK(offsets(older) == std::vector<int>{5, 6, 7});
  const json oldest = ann.ask("history", {{"channel", kChannel}, {"before", 3}});
  CHECK(offsets(oldest) == std::vector<int>{1, 2});
  CHECK(oldest["more"] == false);
  CHECK(offsets(ann.ask("history", {{"channel", kChannel}, {"after", 8}})) ==
        std::vector<int>{9, 10});
}

TEST_CASE("two gateways on one Redis are one system", "[gateway]") {
  RedisServer redis;
  GatewayBench first(redis.options());
  GatewayBench second(redis.options());
  PlainClient ann(first, first.token("ann"));
  PlainClient bob(second, second.token("bob", "agent"));
  ann.ask("subscribe", {{"channel", kChannel}});
  bob.ask("subscribe", {{"channel", kChannel}});
  ann.ask("publish", {{"channel", kChannel}, {"event", "read"}, {"data", {{"messageId", "1"}}}});
  bob.ask("publish", {{"channel", kChannel}, {"event", "read"}, {"data", {{"messageId", "2"}}}});
  for (PlainClient* client : {&ann, &bob}) {
    CHECK(client->push()["data"]["messageId"] == "1");
    CHECK(client->push()["data"]["messageId"] == "2");
  }
}

TEST_CASE("two tabs of one client are one member", "[gateway][presence]") {
  RedisServer redis;
  GatewayBench bench(redis.options());
  PlainClient watcher(bench, bench.token("watcher", "agent"));
  watcher.ask("subscribe", {{"channel", kChannel}});
  PlainClient first(bench, bench.token("ann"));
  PlainClient second(bench, bench.token("ann"));
  const json here = {{"channel", kChannel}, {"data", {{"mood", "calm"}}}};
  CHECK(first.ask("enter", here) == json::object());
  const json entered = watcher.push();
  CHECK(entered["event"] == "presence:enter");
  CHECK(entered["clientId"] == "ann");
  CHECK(entered["data"]["clientId"] == "ann");
  CHECK(entered["data"]["data"] == json({{"mood", "calm"}}));
  CHECK(entered["timestamp"] == entered["data"]["timestamp"]);
  CHECK_FALSE(entered.contains("offset"));

  second.ask("enter", here);
  const json members = json::array({{{"clientId", "ann"}, {"data", {{"mood", "calm"}}}}});
  CHECK(watcher.ask("presence", {{"channel", kChannel}})["presence"] == members);
  PlainClient late(bench, bench.token("late"));
  CHECK(late.ask("subscribe", {{"channel", kChannel}})["presence"] == members);

  // One tab goes: she is still there. Then her data changes, then she is gone.
  first.hang_up();
  second.ask("update", {{"channel", kChannel}, {"data", {{"mood", "bright"}}}});
  const json updated = watcher.push();
  CHECK(updated["event"] == "presence:update");
  CHECK(updated["data"]["data"]["mood"] == "bright");
  CHECK(second.ask("leave", {{"channel", kChannel}}) == json::object());
  const json left = watcher.push();
  CHECK(left["event"] == "presence:leave");
  CHECK(left["data"]["lastSeen"] == left["timestamp"]);
  CHECK(watcher.ask("presence", {{"channel", kChannel}})["presence"] == json::array());
}

TEST_CASE("the presence of a lost connection ends with it", "[gateway][presence]") {
  RedisServer redis;
  GatewayBench bench(redis.options());
  PlainClient watcher(bench, bench.token("watcher", "agent"));
  watcher.ask("subscribe", {{"channel", kChannel}});
  {
    PlainClient ann(bench, bench.token("ann"));
    ann.ask("enter", {{"channel", kChannel}});
    CHECK(watcher.push()["event"] == "presence:enter");
  }
  CHECK(watcher.push()["event"] == "presence:leave");
}

TEST_CASE("a message that was sent becomes a job and message:user, once", "[gateway][send]") {
  RedisServer redis;
  GatewayBench bench(redis.options());
  PlainClient ann(bench, bench.token("ann"));
  ann.ask("subscribe", {{"channel", kChannel}});
  const json body = {{"channel", kChannel}, {"content", "Hello"}, {"clientMessageId", "c-1"}};
  const json sent = ann.ask("send", body);
  CHECK(sent["job"].is_string());
  CHECK(sent["offset"] == 1);
  const json event = ann.push_of("message:user");
  CHECK(event["data"]["messageId"] == sent["messageId"]);
  CHECK(event["data"]["content"] == "Hello");
  CHECK(event["data"]["clientMessageId"] == "c-1");
  CHECK(event["data"]["sender"]["id"] == "ann");
  CHECK(event["clientId"] == "ann");

  PlainClient again(bench, bench.token("ann"));
  const json repeat = again.ask("send", body);
  CHECK(repeat["job"] == sent["job"]);
  CHECK(repeat["messageId"] == sent["messageId"]);
  CHECK(again.ask("history", {{"channel", kChannel}})["events"].size() == 1);

  CHECK(ann.ask("send", {{"channel", "conversation:cw~1"}, {"content", "x"}})["code"] == 40301);
  CHECK(ann.ask("send", {{"channel", "conversation:no~1"}, {"content", "x"}})["code"] == 40400);
}

TEST_CASE("an agent's message is repeated under the same id", "[gateway][send]") {
  RedisServer redis;
  GatewayBench bench(redis.options());
  PlainClient bob(bench, bench.token("bob", "agent"));
  const json body = {{"channel", kChannel}, {"content", "Hi"}, {"clientMessageId", "b-1"}};
  const json sent = bob.ask("send", body);
  CHECK(sent["job"].is_null());
  CHECK(bob.ask("send", body)["messageId"] == sent["messageId"]);
  const json history = bob.ask("history", {{"channel", kChannel}});
  REQUIRE(history["events"].size() == 1);
  CHECK(history["events"][0]["event"] == "message:agent");
  CHECK(history["events"][0]["data"]["messageId"] == sent["messageId"]);
}

TEST_CASE("a slow consumer is cut off and the others are not", "[gateway]") {
  RedisServer redis;
  config::Config config = gateway_config();
  // Room for several events: the quick one reads an event before its session knows it is out.
  config.gateway.max_outbox_bytes = 1'000'000;
  GatewayBench bench(redis.options(), config);
  PlainClient slow(bench, bench.token("slow"));
  PlainClient quick(bench, bench.token("quick"));
  slow.ask("subscribe", {{"channel", kChannel}});
  quick.ask("subscribe", {{"channel", kChannel}});
  Event event;
  event.channel = kChannel;
  event.name = "message:user";
  event.data = R"({"content":")" + std::string(100'000, 'x') + R"("})";
  // More than two sockets' kernel buffers hold, until the gateway has had enough.
  const auto cut_off = [&] {
    return bench.metrics().render().find(R"(deskwire_sessions_closed_total{code="4008"} 1)") !=
           std::string::npos;
  };
  for (int i = 1; i <= 1000 && !cut_off(); ++i) {
    event.id = "e-" + std::to_string(i);
    REQUIRE(bench.log().append(event));
    CHECK(quick.push()["offset"] == i);
  }
  CHECK(slow.closed() == 4008);
}

TEST_CASE("a batch of commands is answered", "[gateway]") {
  RedisServer redis;
  GatewayBench bench(redis.options());
  PlainClient ann(bench, bench.token("ann"), "&batch=1");
  ann.say(
      "{\"id\":1,\"subscribe\":{\"channel\":\"a:1\"}}\n{\"id\":2,\"subscribe\":{\"channel\":"
      "\"a:2\"}}");
  CHECK(ann.text().contains("ok"));
  CHECK(ann.text().contains("ok"));
}

TEST_CASE("more commands than are worked on at once are all answered", "[gateway]") {
  RedisServer redis;
  GatewayBench bench(redis.options());
  PlainClient ann(bench, bench.token("ann"), "&batch=1");
  std::string batch;
  for (int i = 1; i <= 500; ++i) {
    ann.say(R"({"id":)" + std::to_string(i) + R"(,"history":{"channel":"conversation:42"}})");
  }
  std::vector<bool> answered(501);
  for (int i = 1; i <= 500; ++i) {
    const json answer = ann.text();
    REQUIRE(answer.contains("ok"));
    answered[answer["id"].get<std::size_t>()] = true;
  }
  CHECK(std::count(answered.begin(), answered.end(), true) == 500);
}

TEST_CASE("the 51st publish of a burst is refused with a delay", "[gateway]") {
  RedisServer redis;
  config::Config config = gateway_config();
  config.gateway.publish_per_s = 1;
  GatewayBench bench(redis.options(), config);
  PlainClient ann(bench, bench.token("ann"));
  const json typing = {{"channel", kChannel}, {"event", "typing:start"}};
  for (int i = 0; i < 50; ++i) CHECK(ann.ask("publish", typing).contains("id"));
  const json refused = ann.ask("publish", typing);
  CHECK(refused["code"] == 42910);
  CHECK(refused["retry_after_ms"] > 0);
}

TEST_CASE("at most so many channels on a connection", "[gateway]") {
  RedisServer redis;
  config::Config config = gateway_config();
  config.gateway.max_channels_per_session = 3;
  GatewayBench bench(redis.options(), config);
  PlainClient ann(bench, bench.token("ann"));
  for (int i = 0; i < 3; ++i) {
    CHECK(ann.ask("subscribe", {{"channel", "c:" + std::to_string(i)}}).contains("epoch"));
  }
  CHECK(ann.ask("subscribe", {{"channel", "c:3"}})["code"] == 41300);
  ann.ask("unsubscribe", {{"channel", "c:0"}});
  CHECK(ann.ask("subscribe", {{"channel", "c:3"}}).contains("epoch"));
}

TEST_CASE("an expired token ends its subscriptions and a refresh brings them back", "[gateway]") {
  RedisServer redis;
  GatewayBench bench(redis.options());
  PlainClient ann(bench, bench.token("ann", "customer", Milliseconds(2000)));
  const json subscribed = ann.ask("subscribe", {{"channel", kChannel}});
  json reply;
  // The token lives a second or two; asking until it is over waits for the event, not for time.
  while (!(reply = ann.ask("history", {{"channel", kChannel}})).contains("code")) {
  }
  CHECK(reply["code"] == 40142);
  bench.append(kChannel, 1);
  CHECK(ann.ask("refresh", {{"token", bench.token("ann")}})["clientId"] == "ann");
  ann.ask("subscribe",
          {{"channel", kChannel}, {"recover", {{"epoch", subscribed["epoch"]}, {"offset", 0}}}});
  CHECK(ann.push()["offset"] == 1);
  CHECK(ann.ask("refresh", {{"token", bench.token("mallory")}}).is_null());
}

TEST_CASE("draining says good-bye to everybody in time", "[gateway]") {
  RedisServer redis;
  GatewayBench bench(redis.options());
  PlainClient ann(bench, bench.token("ann"));
  PlainClient bob(bench, bench.token("bob"));
  std::thread drain([&] { bench.gateway().drain(); });
  CHECK(ann.closed() == 4010);
  CHECK(bob.closed() == 4010);
  drain.join();
}

TEST_CASE("a gateway may be stopped twice, unstarted, and with sessions open", "[gateway]") {
  RedisServer redis;
  {
    GatewayBench bench(redis.options());
    PlainClient ann(bench, bench.token("ann"));
    ann.ask("subscribe", {{"channel", kChannel}});
    ann.ask("enter", {{"channel", kChannel}});
    bench.gateway().stop();
    bench.gateway().stop();
  }
  redis::Client client(redis.options());
  ChannelLog log(client, {});
  SystemClock clock;
  Metrics metrics;
  jobs::RedisJobStore store(client, clock, {});
  publishers::Gateway unstarted(gateway_config(), client, redis.options(), log, store, clock,
                                metrics, {}, {});
  unstarted.stop();
}
