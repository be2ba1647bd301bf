// Replies that count only when replicas have what was written.

#include <string>
#include <thread>
#include <vector>

#include "core/redis/redis_client.h"
#include "tests/support/catch.h"
#include "tests/support/event_probe.h"
#include "tests/support/fake_redis.h"
#include "tests/support/redis_failover_set.h"

namespace deskwire::redis {
namespace {

using testing::EventProbe;
using testing::FakeRedis;
using testing::RedisFailoverSet;

constexpr Milliseconds kPatience{20000};

RedisFailoverSet& set() {
  static RedisFailoverSet shared;
  return shared;
}

Client::Options waiting(Milliseconds timeout = Milliseconds(1000)) {
  auto options = set().first().options();
  options.wait_replicas = 1;
  options.wait_timeout = timeout;
  return options;
}

const Script& once() {
  static const Script script("once.lua", "#!lua\nreturn redis.call('SETNX', KEYS[1], ARGV[1])\n");
  return script;
}

/// Runs until the replica is connected again after a pause.
bool confirms(Client& client) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < deadline) {
    if (client.wait_connected(kPatience) && client.run(once(), {"any"}, {"1"})) return true;
  }
  return false;
}

TEST_CASE("a write counts when a replica has it", "[redis][wait]") {
  Client client(waiting());
  client.start();
  Client plain(set().first().options());
  plain.start();
  REQUIRE(client.wait_connected(kPatience));
  REQUIRE(plain.wait_connected(kPatience));
  const std::int64_t before = plain.call({"ROLE"})->at(1).integer;
  REQUIRE(client.run(once(), {"counted"}, {"x"})->integer == 1);
  const auto role = plain.call({"ROLE"});
  REQUIRE(role);
  CHECK(role->at(2).at(0).at(2).as_integer() > before);
}

TEST_CASE("without its replica a write is there but does not count", "[redis][wait]") {
  Client client(waiting(Milliseconds(50)));
  client.start();
  Client plain(set().first().options());
  plain.start();
  REQUIRE(plain.wait_connected(kPatience));
  REQUIRE(confirms(client));
  set().second().pause();
  const auto refused = client.run(once(), {"unsure"}, {"x"});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kUnavailable);
  CHECK(refused.error().message.find("once.lua: 0 of 1 replicas") != std::string::npos);
  CHECK(plain.call({"GET", "unsure"})->text == "x");
  // A repetition finds it done, and must not count either: the replica still lacks it. Not even
  // over a connection that has written nothing itself.
  CHECK(client.run(once(), {"unsure"}, {"x"}).error().code == ErrorCode::kUnavailable);
  Client fresh(waiting(Milliseconds(50)));
  fresh.start();
  REQUIRE(fresh.wait_connected(kPatience));
  CHECK(fresh.run(once(), {"unsure"}, {"x"}).error().code == ErrorCode::kUnavailable);
  set().second().resume();
  CHECK(confirms(client));
  CHECK(client.run(once(), {"unsure"}, {"x"})->integer == 0);
}

TEST_CASE("an error keeps its own class, and the others of its write count", "[redis][wait]") {
  Client client(waiting());
  client.start();
  REQUIRE(confirms(client));
  REQUIRE(client.call({"SET", "text", "x"}));
  EventProbe<std::string> answers;
  const auto note = [&](Result<Reply> reply) {
    answers.push(reply ? "ok" : std::string(name_of(reply.error().code)));
  };
  client.submit({"SET", "a", "1"}, note);
  client.submit({"HGET", "text", "f"}, note);
  client.submit({"SET", "b", "1"}, note);
  CHECK(answers.take(3) == std::vector<std::string>{"ok", "corrupt", "ok"});
}

TEST_CASE("one WAIT serves all that was asked together", "[redis][wait]") {
  Client client(waiting());
  client.start();
  Client plain(set().first().options());
  plain.start();
  REQUIRE(plain.wait_connected(kPatience));
  REQUIRE(confirms(client));
  REQUIRE(plain.call({"CONFIG", "RESETSTAT"}));
  constexpr std::size_t kCount = 2000;
  EventProbe<bool> answers;
  for (std::size_t i = 0; i < kCount; ++i) {
    client.submit({"INCR", "n"}, [&](Result<Reply> reply) { answers.push(reply.has_value()); });
  }
  REQUIRE(answers.take(kCount).size() == kCount);
  const auto stats = plain.call({"INFO", "commandstats"});
  REQUIRE(stats);
  const std::size_t at = stats->text.find("cmdstat_wait:calls=");
  REQUIRE(at != std::string::npos);
  CHECK(std::stoul(stats->text.substr(at + 19)) < kCount / 4);
}

TEST_CASE("a connection that breaks before the WAIT answered fails what was held",
          "[redis][wait][faults]") {
  // It answers the commands, never the WAIT.
  FakeRedis fake([](int connection, std::string_view received) -> std::string {
    const std::string login = FakeRedis::login_answer(received);
    if (!login.empty()) return login;
    return connection == 1 ? "+OK\r\n:0\r\n" : "+OK\r\n:0\r\n:1\r\n";
  });
  auto options = fake.options();
  options.request_timeout = Milliseconds(100);
  options.wait_replicas = 1;
  options.wait_timeout = Milliseconds(10);
  Client client(options);
  client.start();
  REQUIRE(client.wait_connected(kPatience));
  const auto lost = client.call({"SET", "a", "1"});
  REQUIRE_FALSE(lost);
  CHECK(lost.error().code == ErrorCode::kUnavailable);
  REQUIRE(client.wait_connected(kPatience));
  CHECK(client.call({"SET", "a", "1"}));
}

TEST_CASE("a mark that an ACL forbids makes nothing count", "[redis][wait][faults]") {
  FakeRedis fake([](int, std::string_view received) -> std::string {
    const std::string login = FakeRedis::login_answer(received);
    if (!login.empty()) return login;
    return "+OK\r\n-NOPERM No permissions to access a channel\r\n:1\r\n";
  });
  auto options = fake.options();
  options.wait_replicas = 1;
  Client client(options);
  client.start();
  REQUIRE(client.wait_connected(kPatience));
  const auto refused = client.call({"SET", "a", "1"});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("NOPERM") != std::string::npos);
}

}  // namespace
}  // namespace deskwire::redis
