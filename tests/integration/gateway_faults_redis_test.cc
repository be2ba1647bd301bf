// The gateway while Redis goes away, comes back, forgets or talks nonsense.

#include <nlohmann/json.hpp>
#include <string>

#include "core/channel.h"
#include "core/ids.h"
#include "publishers/presence.h"
#include "tests/support/catch.h"
#include "tests/support/event_probe.h"
#include "tests/support/gateway_bench.h"

using namespace deskwire;
using namespace deskwire::testing;
using nlohmann::json;

namespace {

constexpr const char* kChannel = "conversation:42";

/// Asks until the answer is no error any more: waits for the reconnect, not for time.
json ask_until_ok(PlainClient& client, const std::string& verb, const json& body) {
  json answer;
  do {
    answer = client.ask(verb, body);
  } while (answer.is_object() && answer.contains("code"));
  return answer;
}

}  // namespace

TEST_CASE("while Redis is away commands are refused and sessions stay", "[gateway][faults]") {
  RedisServer redis({"--appendonly", "yes", "--appendfsync", "always"});
  config::Config config = gateway_config();
  config.gateway.publish_per_s = 100000;
  config.gateway.publish_burst = 100000;
  GatewayBench bench(redis.options(), config);
  PlainClient ann(bench, bench.token("ann"));
  const json subscribed = ann.ask("subscribe", {{"channel", kChannel}});
  bench.append(kChannel, 1);
  CHECK(ann.push()["offset"] == 1);

  redis.kill();
  const json read = {{"channel", kChannel}, {"event", "read"}, {"data", {{"messageId", "1"}}}};
  const json refused = ann.ask("publish", read);
  CHECK(refused["code"] == 50300);
  CHECK(refused["retry_after_ms"] == 1000);
  CHECK(ann.ask("history", {{"channel", kChannel}})["code"] == 50300);
  CHECK(ann.ask("subscribe", {{"channel", "conversation:43"}})["code"] == 50300);
  CHECK(ann.ask("ping", json::object()) == json::object());

  redis.restart();
  const json published = ask_until_ok(ann, "publish", read);
  CHECK(published["offset"] == 2);
  const json event = ann.push();
  CHECK(event["offset"] == 2);
  CHECK(event["epoch"] == subscribed["epoch"]);
  CHECK(ask_until_ok(ann, "subscribe", {{"channel", "conversation:43"}}).contains("epoch"));
}

TEST_CASE("events published while a gateway could not hear are fetched from the log",
          "[gateway][faults]") {
  RedisServer redis;
  GatewayBench bench(redis.options());
  PlainClient ann(bench, bench.token("ann"));
  ann.ask("subscribe", {{"channel", kChannel}});
  bench.append(kChannel, 1);
  CHECK(ann.push()["offset"] == 1);
  // Cut all subscriptions; what is published before they are back is never delivered by Pub/Sub.
  redis::Client other(redis.options());
  other.start();
  REQUIRE(other.wait_connected(Milliseconds(20000)));
  for (int round = 0; round < 5; ++round) {
    REQUIRE(other.call({"CLIENT", "KILL", "TYPE", "pubsub"}));
    for (int i = 0; i < 20; ++i) bench.append(kChannel, 2 + round * 20 + i);
  }
  for (int offset = 2; offset <= 101; ++offset) CHECK(ann.push()["offset"] == offset);
}

TEST_CASE("who came, changed and went while a gateway could not hear is told when it can again",
          "[gateway][presence][faults]") {
  RedisServer redis;
  GatewayBench bench(redis.options());
  PlainClient ann(bench, bench.token("ann", "agent"));
  PlainClient bob(bench, bench.token("bob", "agent"));
  PlainClient cid(bench, bench.token("cid", "agent"));
  for (PlainClient* one : {&ann, &bob, &cid}) one->ask("subscribe", {{"channel", kChannel}});
  bob.ask("enter", {{"channel", kChannel}, {"data", {{"b", 1}, {"a", 1}}}});
  cid.ask("enter", {{"channel", kChannel}, {"data", {{"state", "here"}}}});
  CHECK(ann.push_of("presence:enter")["clientId"] == "bob");
  CHECK(ann.push_of("presence:enter")["clientId"] == "cid");
  // What others' changes leave behind whose messages never came.
  redis::Client other(redis.options());
  other.start();
  REQUIRE(other.wait_connected(Milliseconds(20000)));
  const std::string prefix = "dw:{" + std::to_string(shard_of_channel(kChannel)) + "}:";
  const std::string datas = prefix + "pd:" + std::string(kChannel);
  REQUIRE(other.call({"HSET", datas, "dan", R"({"state":"new"})", "cid", R"({"state":"away"})"}));
  REQUIRE(other.call({"HDEL", datas, "bob"}));
  REQUIRE(other.call({"CLIENT", "KILL", "TYPE", "pubsub"}));

  const json entered = ann.push_of("presence:enter");
  CHECK(entered["clientId"] == "dan");
  CHECK(entered["data"]["data"]["state"] == "new");
  CHECK_FALSE(entered.contains("offset"));
  CHECK(bob.push_of("presence:leave")["data"]["clientId"] == "bob");
  const json updated = cid.push_of("presence:update");
  CHECK(updated["clientId"] == "cid");
  CHECK(updated["data"]["data"]["state"] == "away");
}

TEST_CASE("an event whose message Redis lost is fetched before the next one", "[gateway][faults]") {
  RedisServer redis;
  GatewayBench bench(redis.options());
  PlainClient ann(bench, bench.token("ann"));
  ann.ask("subscribe", {{"channel", kChannel}});
  bench.append(kChannel, 1);
  CHECK(ann.push()["offset"] == 1);
  // In the log, and published to nobody.
  redis::Client other(redis.options());
  other.start();
  REQUIRE(other.wait_connected(Milliseconds(20000)));
  const std::string prefix = "dw:{" + std::to_string(shard_of_channel(kChannel)) + "}:";
  const std::string log = prefix + "log:" + std::string(kChannel);
  const auto first = other.call({"XRANGE", log, "1-0", "1-0"});
  REQUIRE(first);
  std::string envelope = first->at(0).at(1).at(1).as_string();
  envelope.replace(envelope.find(R"("offset":1)"), 10, R"("offset":2)");
  REQUIRE(other.call({"XADD", log, "2-0", "e", envelope, "i", "lost"}));
  REQUIRE(other.call({"HSET", prefix + "ch:" + std::string(kChannel), "o", "2"}));
  bench.append(kChannel, 3);
  CHECK(ann.push()["offset"] == 2);
  CHECK(ann.push()["offset"] == 3);
}

TEST_CASE("recovery works again and again, also when nothing was sent in between", "[gateway]") {
  RedisServer redis;
  GatewayBench bench(redis.options());
  bench.append(kChannel, 1);
  json position;
  {
    PlainClient ann(bench, bench.token("ann"));
    position = ann.ask("subscribe", {{"channel", kChannel}});
    ann.hang_up();
  }
  for (int round = 0; round < 6; ++round) {
    // Something was sent before every other round only.
    if (round % 2 == 1) bench.append(kChannel, round);
    PlainClient ann(bench, bench.token("ann"));
    const json recover = {{"epoch", position["epoch"]}, {"offset", position["offset"]}};
    const json subscribed = ann.ask("subscribe", {{"channel", kChannel}, {"recover", recover}});
    CHECK(subscribed["recovered"] == true);
    if (round % 2 == 1) {
      const json event = ann.push();
      CHECK(event["offset"] == position["offset"].get<int>() + 1);
      position = event;
    }
    ann.hang_up();
  }
}

TEST_CASE("a Redis that forgot everything begins a new epoch", "[gateway][faults]") {
  RedisServer redis;
  GatewayBench bench(redis.options());
  PlainClient ann(bench, bench.token("ann"));
  const json subscribed = ann.ask("subscribe", {{"channel", kChannel}});
  for (int i = 1; i <= 5; ++i) bench.append(kChannel, i);
  for (int i = 1; i <= 5; ++i) CHECK(ann.push()["offset"] == i);
  REQUIRE(bench.client().call({"FLUSHALL"}));
  bench.append(kChannel, 6);
  bench.append(kChannel, 7);
  const json first = ann.push();
  CHECK(first["offset"] == 1);
  CHECK(first["epoch"] != subscribed["epoch"]);
  CHECK(ann.push()["data"]["messageId"] == "7");
}

TEST_CASE("nonsense on a topic is not passed on", "[gateway][faults]") {
  RedisServer redis;
  GatewayBench bench(redis.options());
  PlainClient ann(bench, bench.token("ann"));
  ann.ask("subscribe", {{"channel", kChannel}});
  for (const char* nonsense : {"", "x", "{}", R"({"channel":"other","id":"i","event":"e"})"}) {
    REQUIRE(bench.client().call({"PUBLISH", "dw:ev:conversation:42", nonsense}));
  }
  bench.append(kChannel, 1);
  CHECK(ann.push()["offset"] == 1);
}

TEST_CASE("foreign data under our keys is an error and no crash", "[gateway][faults]") {
  RedisServer redis;
  GatewayBench bench(redis.options());
  const std::string channel = "user:7";
  const std::string prefix = "dw:{" + std::to_string(shard_of_channel(channel)) + "}:";
  REQUIRE(bench.client().call({"SET", prefix + "pe:" + channel, "nonsense"}));
  REQUIRE(bench.client().call({"SET", prefix + "log:" + channel, "nonsense"}));
  PlainClient ann(bench, bench.token("ann"));
  CHECK(ann.ask("presence", {{"channel", channel}})["code"] == 50000);
  CHECK(ann.ask("ping", json::object()) == json::object());
}

TEST_CASE("a crashed gateway leaves no ghost", "[gateway][presence]") {
  RedisServer redis;
  redis::Client client(redis.options());
  client.start();
  REQUIRE(client.wait_connected(Milliseconds(20000)));
  GatewayBench bench(redis.options());
  PlainClient watcher(bench, bench.token("watcher", "agent"));
  watcher.ask("subscribe", {{"channel", kChannel}});

  // What a crash leaves behind: an entry that nobody renews, expired long ago.
  publishers::Presence crashed(client, Milliseconds(60000));
  EventProbe<bool> entered;
  crashed.enter(kChannel, "s-ghost", "ghost", "{}", false,
                [&](const Status& status) { entered.push(status.has_value()); });
  CHECK(entered.next() == true);
  CHECK(watcher.push()["event"] == "presence:enter");
  const std::string key =
      "dw:{" + std::to_string(shard_of_channel(kChannel)) + "}:pe:" + std::string(kChannel);
  REQUIRE(client.call({"ZADD", key, "XX", "1", "s-ghost ghost"}));
  // Whoever looks next finds it expired and publishes the leave.
  CHECK(watcher.ask("presence", {{"channel", kChannel}})["presence"] == json::array());
  const json left = watcher.push();
  CHECK(left["event"] == "presence:leave");
  CHECK(left["clientId"] == "ghost");
}

TEST_CASE("nobody leaves because Redis was out of reach", "[gateway][presence]") {
  RedisServer redis;
  redis::Client client(redis.options());
  client.start();
  REQUIRE(client.wait_connected(Milliseconds(20000)));
  publishers::Presence presence(client, Milliseconds(60000));
  EventProbe<std::size_t> listed;
  const auto count = [&] {
    presence.list(kChannel, [&](const Result<publishers::Presence::Members>& members) {
      listed.push(members ? members->size() : 99);
    });
    return listed.next().value_or(99);
  };
  const std::string prefix = "dw:{" + std::to_string(shard_of_channel(kChannel)) + "}:";
  const std::string entries = prefix + "pe:" + std::string(kChannel);
  presence.enter(kChannel, "s-1", "ann", "{}", false, [](const Status&) {});
  CHECK(count() == 1);
  // What an outage leaves behind: everything has expired, and nobody has called for long.
  REQUIRE(client.call({"ZADD", entries, "XX", "1", "s-1 ann"}));
  REQUIRE(client.call({"SET", prefix + "pb", "1"}));
  CHECK(count() == 1);
  // Its gateway renews it: all is as it was.
  presence.beat();
  REQUIRE(client.call({"DEL", prefix + "pg"}));
  CHECK(count() == 1);
  // And one whose gateway does not come back has to go then.
  REQUIRE(client.call({"ZADD", entries, "XX", "1", "s-1 ann"}));
  CHECK(count() == 0);
  client.stop();
}

TEST_CASE("a renewed presence enters again when Redis forgot it", "[gateway][presence]") {
  RedisServer redis;
  redis::Client client(redis.options());
  client.start();
  REQUIRE(client.wait_connected(Milliseconds(20000)));
  publishers::Presence presence(client, Milliseconds(60000));
  EventProbe<std::size_t> listed;
  const auto count = [&] {
    presence.list(kChannel, [&](const Result<publishers::Presence::Members>& members) {
      listed.push(members ? members->size() : 99);
    });
    return listed.next().value_or(99);
  };
  presence.enter(kChannel, "s-1", "ann", "{}", false, [](const Status&) {});
  presence.enter(kChannel, "s-2", "ann", "{}", false, [](const Status&) {});
  presence.enter(kChannel, "s-2", "bob", "{}", false, [](const Status&) {});
  CHECK(count() == 2);
  REQUIRE(client.call({"FLUSHALL"}));
  CHECK(count() == 0);
  presence.beat();
  CHECK(count() == 2);
  presence.leave(kChannel, "s-1", "ann", [](const Status&) {});
  CHECK(count() == 2);
  presence.leave(kChannel, "s-2", "ann", [](const Status&) {});
  CHECK(count() == 1);
  client.stop();
}
