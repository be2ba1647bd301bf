// What callers see when Redis is slow, full, gone, or no Redis at all.

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "core/redis/redis_client.h"
#include "tests/support/catch.h"
#include "tests/support/event_probe.h"
#include "tests/support/fake_redis.h"
#include "tests/support/redis_server.h"

namespace deskwire::redis {
namespace {

using testing::EventProbe;
using testing::FakeRedis;
using testing::RedisServer;

constexpr Milliseconds kPatience{20000};

/// Asks until it gets an answer: what every caller of ours does.
bool comes_back(Client& client) {
  return client.wait_connected(kPatience) && client.call({"PING"}).has_value();
}

TEST_CASE("a killed Redis fails calls at once and is found again", "[redis][faults]") {
  RedisServer server;
  Client client(server.options());
  client.start();
  REQUIRE(client.wait_connected(kPatience));
  server.pause();
  EventProbe<ErrorCode> answers;
  client.submit({"PING"}, [&](Result<Reply> reply) { answers.push(reply.error().code); });
  server.kill();
  CHECK(answers.next() == ErrorCode::kUnavailable);
  CHECK(client.call({"PING"}).error().code == ErrorCode::kUnavailable);
  server.restart();
  CHECK(comes_back(client));
}

TEST_CASE("case 25: a connection closed by Redis is made again", "[redis][faults]") {
  RedisServer server;
  Client client(server.options());
  client.start();
  Client killer(server.options());
  killer.start();
  REQUIRE(killer.wait_connected(kPatience));
  for (int round = 0; round < 5; ++round) {
    REQUIRE(comes_back(client));
    const auto id = client.call({"CLIENT", "ID"});
    REQUIRE(id);
    REQUIRE(killer.call({"CLIENT", "KILL", "ID", id->as_string()})->as_integer() == 1);
    // The next call may still meet the old connection; no call may hang.
    client.call({"PING"});
  }
  CHECK(comes_back(client));
}

TEST_CASE("case 25: a half-open connection is noticed by the request timeout", "[redis][faults]") {
  RedisServer server;
  auto options = server.options();
  options.request_timeout = Milliseconds(50);
  Client client(options);
  client.start();
  REQUIRE(client.wait_connected(kPatience));
  server.pause();
  CHECK(client.call({"PING"}).error().code == ErrorCode::kTimeout);
  CHECK_FALSE(client.connected());
  server.resume();
  CHECK(comes_back(client));
}

TEST_CASE("case 25: a Redis paused for clients times out and serves again", "[redis][faults]") {
  RedisServer server;
  auto options = server.options();
  options.request_timeout = Milliseconds(50);
  Client client(options);
  client.start();
  REQUIRE(client.wait_connected(kPatience));
  REQUIRE(client.call({"CLIENT", "PAUSE", "300"}));
  CHECK(client.call({"SET", "a", "1"}).error().code == ErrorCode::kTimeout);
  CHECK(comes_back(client));
}

TEST_CASE("a full Redis refuses writes and runs what may free memory", "[redis][faults]") {
  RedisServer server;
  Client client(server.options());
  client.start();
  REQUIRE(client.wait_connected(kPatience));
  REQUIRE(client.call({"CONFIG", "SET", "maxmemory", "1"}));
  CHECK(client.call({"SET", "a", "1"}).error().code == ErrorCode::kFull);
  const Script writer("writer.lua", "#!lua\nreturn redis.call('SET', KEYS[1], '1')\n");
  const auto refused = client.run(writer, {"a"}, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kFull);
  CHECK(refused.error().message.find("writer.lua") != std::string::npos);
  const Script finisher("finisher.lua",
                        "#!lua flags=allow-oom\nreturn redis.call('SET', KEYS[1], '1')\n");
  CHECK(client.run(finisher, {"a"}, {}));
}

TEST_CASE("foreign data under our keys is corrupt, not unavailable", "[redis][faults]") {
  RedisServer server;
  Client client(server.options());
  client.start();
  REQUIRE(client.wait_connected(kPatience));
  REQUIRE(client.call({"SET", "text", "x"}));
  CHECK(client.call({"HGET", "text", "f"}).error().code == ErrorCode::kCorrupt);
  const Script script("reader.lua", "#!lua\nreturn redis.call('HGET', KEYS[1], 'f')\n");
  CHECK(client.run(script, {"text"}, {}).error().code == ErrorCode::kCorrupt);
  CHECK(client.call({"NOSUCHCOMMAND"}).error().code == ErrorCode::kInvalid);
  CHECK(client.call({"PING"}));
}

TEST_CASE("more than the limit waits: the call is refused", "[redis][faults]") {
  RedisServer server;
  auto options = server.options();
  options.max_queued_bytes = 10000;
  Client client(options);
  client.start();
  REQUIRE(client.wait_connected(kPatience));
  server.pause();
  EventProbe<bool> answers;
  const auto submit = [&] {
    client.submit({"SET", "a", std::string(6000, 'x')},
                  [&](Result<Reply> reply) { answers.push(reply.has_value()); });
  };
  submit();
  submit();
  CHECK(client.call({"PING"}).error().code == ErrorCode::kTooLarge);
  server.resume();
  CHECK(answers.take(2) == std::vector<bool>{true, true});
  CHECK(client.call({"PING"}));
}

TEST_CASE("a reply beyond the limit is cut off with its connection", "[redis][faults]") {
  RedisServer server;
  auto options = server.options();
  options.max_reply_bytes = 10000;
  Client client(options);
  client.start();
  REQUIRE(client.wait_connected(kPatience));
  REQUIRE(client.call({"SETRANGE", "big", "100000", "x"}));
  CHECK(client.call({"GET", "big"}).error().code == ErrorCode::kTooLarge);
  CHECK(comes_back(client));
}

TEST_CASE("an answer that is no RESP ends the connection, not the process", "[redis][faults]") {
  const std::string junk = GENERATE(as<std::string>{}, "HTTP/1.1 400 Bad Request\r\n\r\n",
                                    "*1\r\n%x\r\n", std::string(1000, '\0'), "$5\r\nab");
  FakeRedis fake([&](int connection, std::string_view received) {
    const std::string login = FakeRedis::login_answer(received);
    if (!login.empty()) return login;
    return connection == 1 ? junk : std::string("+PONG\r\n");
  });
  auto options = fake.options();
  options.request_timeout = Milliseconds(200);
  Client client(options);
  client.start();
  REQUIRE(client.wait_connected(kPatience));
  const auto reply = client.call({"PING"});
  REQUIRE_FALSE(reply);
  const bool cut_short = junk[0] == '$';
  CHECK(reply.error().code == (cut_short ? ErrorCode::kTimeout : ErrorCode::kCorrupt));
  CHECK(comes_back(client));
}

TEST_CASE("an answer that nobody asked for ends the connection", "[redis][faults]") {
  FakeRedis fake([](int connection, std::string_view received) {
    const std::string login = FakeRedis::login_answer(received);
    if (!login.empty()) return login;
    return std::string(connection == 1 ? "+PONG\r\n+PONG\r\n" : "+PONG\r\n");
  });
  Client client(fake.options());
  client.start();
  REQUIRE(client.wait_connected(kPatience));
  CHECK(client.call({"PING"}));
  client.call({"PING"});  // Meets the end of the old connection, or the new one.
  CHECK(comes_back(client));
}

TEST_CASE("a Redis that is still loading is not connected yet", "[redis][faults]") {
  EventProbe<int> connections;
  FakeRedis fake([&](int connection, std::string_view received) -> std::string {
    const std::string login = FakeRedis::login_answer(received);
    if (login.empty()) return "+PONG\r\n";
    connections.push(connection);
    return connection < 3 ? "+OK\r\n-LOADING Redis is loading\r\n" : login;
  });
  Client client(fake.options());
  client.start();
  REQUIRE(client.wait_connected(kPatience));
  CHECK(connections.size() == 3);
  CHECK(client.call({"PING"}));
}

TEST_CASE("a peer that accepts and never answers does not hold up a stop", "[redis][faults]") {
  FakeRedis fake([](int, std::string_view) { return std::string(); });
  Client client(fake.options());
  client.start();
  CHECK_FALSE(client.wait_connected(Milliseconds(20)));
  client.stop();
}

TEST_CASE("under random failures every call is answered once", "[redis][faults][stress]") {
  RedisServer server;
  auto options = server.options();
  options.request_timeout = Milliseconds(500);
  Client client(options);
  client.start();
  REQUIRE(client.wait_connected(kPatience));
  const Script script("incr.lua", "#!lua\nreturn redis.call('INCR', KEYS[1])\n");
  std::atomic<int> asked{0};
  std::atomic<int> answered{0};
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; !done.load(); ++i) {
        ++asked;
        if (i % 3 == t % 3) {
          client.run(script, {"n"}, {});
          ++answered;
        } else if (i % 3 == 1) {
          client.call({"ECHO", "x"});
          ++answered;
        } else {
          client.submit({"INCR", "m"}, [&](Result<Reply>) { ++answered; });
        }
        if (!client.connected()) client.wait_connected(Milliseconds(100));
      }
    });
  }
  Client killer(server.options());
  killer.start();
  for (int round = 0; round < 10; ++round) {
    REQUIRE(killer.wait_connected(kPatience));
    killer.call({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
    killer.call({"SCRIPT", "FLUSH"});
    CHECK(comes_back(killer));
    client.wait_connected(kPatience);
  }
  done.store(true);
  for (std::thread& thread : threads) thread.join();
  client.stop();
  CHECK(asked == answered);
}

}  // namespace
}  // namespace deskwire::redis
