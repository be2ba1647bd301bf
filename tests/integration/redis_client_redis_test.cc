#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "core/redis/redis_client.h"
#include "tests/support/catch.h"
#include "tests/support/event_probe.h"
#include "tests/support/redis_server.h"

namespace deskwire::redis {
namespace {

using testing::EventProbe;
using testing::RedisServer;

constexpr Milliseconds kPatience{20000};

TEST_CASE("eight threads share a connection and each gets its own answers", "[redis][client]") {
  RedisServer server;
  Client client(server.options());
  client.start();
  REQUIRE(client.wait_connected(kPatience));
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&client, &wrong, t] {
      for (int i = 0; i < 500; ++i) {
        const std::string word = std::to_string(t) + "-" + std::to_string(i);
        const auto reply = client.call({"ECHO", word});
        if (!reply || reply->text != word) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  // One connection for all of them, and the one that asks here.
  const std::string clients = client.call({"CLIENT", "LIST"})->text;
  CHECK(std::count(clients.begin(), clients.end(), '\n') == 1);
  CHECK(clients.find("name=deskwire") != std::string::npos);
}

// Asking for an unknown SHA-1 first let what was submitted meanwhile run before it.
TEST_CASE("the first use of a script on a connection is not overtaken by its second one",
          "[redis][client]") {
  RedisServer server;
  Client client(server.options());
  client.start();
  REQUIRE(client.wait_connected(kPatience));
  const Script append("append.lua", "return redis.call('RPUSH', KEYS[1], ARGV[1])");
  EventProbe<std::int64_t> lengths;
  for (int i = 1; i <= 3; ++i) {
    client.submit(append, {"list"}, {std::to_string(i)},
                  [&](Result<Reply> reply) { lengths.push(reply ? reply->as_integer() : -1); });
  }
  CHECK(lengths.take(3) == std::vector<std::int64_t>{1, 2, 3});
  const auto errors = client.call({"INFO", "errorstats"});
  REQUIRE(errors);
  CHECK(errors->text.find("NOSCRIPT") == std::string::npos);
}

TEST_CASE("callbacks come in the order of submission", "[redis][client]") {
  RedisServer server;
  Client client(server.options());
  client.start();
  REQUIRE(client.wait_connected(kPatience));
  EventProbe<std::int64_t> answers;
  constexpr std::size_t kCount = 5000;
  for (std::size_t i = 0; i < kCount; ++i) {
    client.submit({"INCR", "counter"},
                  [&](Result<Reply> reply) { answers.push(reply ? reply->as_integer() : -1); });
  }
  const auto taken = answers.take(kCount);
  REQUIRE(taken.size() == kCount);
  for (std::size_t i = 0; i < kCount; ++i) {
    if (taken[i] != static_cast<std::int64_t>(i + 1)) FAIL("answer " << i << " is " << taken[i]);
  }
}

TEST_CASE("a callback may submit again", "[redis][client]") {
  RedisServer server;
  Client client(server.options());
  client.start();
  REQUIRE(client.wait_connected(kPatience));
  EventProbe<std::string> answers;
  client.submit({"ECHO", "first"}, [&](Result<Reply>) {
    client.submit({"ECHO", "second"}, [&](Result<Reply> reply) { answers.push(reply->text); });
  });
  CHECK(answers.next() == "second");
}

TEST_CASE("a value of megabytes goes through unharmed", "[redis][client]") {
  RedisServer server;
  Client client(server.options());
  client.start();
  REQUIRE(client.wait_connected(kPatience));
  std::string value(5U << 20U, '\0');
  for (std::size_t i = 0; i < value.size(); ++i) value[i] = static_cast<char>(i * 31 + i / 251);
  REQUIRE(client.call({"SET", "big", value}));
  CHECK(client.call({"GET", "big"})->text == value);
}

TEST_CASE("a script that Redis does not know is loaded and run", "[redis][client][script]") {
  RedisServer server;
  Client client(server.options());
  client.start();
  REQUIRE(client.wait_connected(kPatience));
  const Script script("pair.lua", "#!lua\nreturn {KEYS[1], ARGV[1]}\n");
  for (int round = 0; round < 3; ++round) {
    const auto reply = client.run(script, {"k"}, {"a" + std::to_string(round)});
    REQUIRE(reply);
    CHECK(reply->at(0).text == "k");
    CHECK(reply->at(1).text == "a" + std::to_string(round));
    REQUIRE(client.call({"SCRIPT", "FLUSH"}));
  }
}

TEST_CASE("scripts flushed in the middle of a pipeline all run once", "[redis][client][script]") {
  RedisServer server;
  Client client(server.options());
  client.start();
  REQUIRE(client.wait_connected(kPatience));
  const Script script("add.lua", "#!lua\nreturn redis.call('INCR', KEYS[1])\n");
  EventProbe<bool> answers;
  constexpr std::size_t kCount = 300;
  for (std::size_t i = 0; i < kCount; ++i) {
    if (i % 50 == 25) client.submit({"SCRIPT", "FLUSH"}, [](Result<Reply>) {});
    client.submit(script, {"n"}, {}, [&](Result<Reply> reply) { answers.push(reply.has_value()); });
  }
  for (const bool good : answers.take(kCount)) CHECK(good);
  CHECK(client.call({"GET", "n"})->as_integer() == static_cast<std::int64_t>(kCount));
}

TEST_CASE("prefixes of a script go behind its first line", "[redis][client][script]") {
  RedisServer server;
  Client client(server.options());
  client.start();
  REQUIRE(client.wait_connected(kPatience));
  const Script script("sum.lua", {"local function one() return 1 end\n", "local two = 2\n"},
                      "#!lua flags=no-writes\nreturn one() + two\n");
  CHECK(script.text().rfind("#!lua flags=no-writes\nlocal function one()", 0) == 0);
  CHECK(client.run(script, {}, {})->as_integer() == 3);
}

TEST_CASE("the connection logs in, selects its database and says its name", "[redis][client]") {
  RedisServer server(
      {"--user", "default", "off", "--user", "worker", "on", ">s3cret", "~*", "&*", "+@all"});
  auto options = server.options();
  options.endpoint.user = "worker";
  options.endpoint.password = "s3cret";
  options.endpoint.database = 5;
  options.name = "deskwire-test";
  Client client(options);
  client.start();
  REQUIRE(client.wait_connected(kPatience));
  const std::string info = client.call({"CLIENT", "INFO"})->text;
  CHECK(info.find(" name=deskwire-test ") != std::string::npos);
  CHECK(info.find(" db=5 ") != std::string::npos);
  CHECK(info.find(" user=worker ") != std::string::npos);
}

TEST_CASE("a wrong password is no connection", "[redis][client]") {
  RedisServer server({"--requirepass", "right"});
  auto options = server.options();
  options.endpoint.password = "wrong";
  Client client(options);
  client.start();
  CHECK_FALSE(client.wait_connected(Milliseconds(100)));
  CHECK(client.call({"PING"}).error().code == ErrorCode::kUnavailable);
}

TEST_CASE("a Redis over TCP is reached by host name", "[redis][client]") {
  // Redis binds the port itself and says when it is taken, so nobody can take it in between.
  RedisServer server({"--bind", "127.0.0.1"});
  Client by_socket(server.options());
  by_socket.start();
  REQUIRE(by_socket.wait_connected(kPatience));
  int port = 0;
  for (int candidate = 20000; candidate < 20100 && port == 0; ++candidate) {
    if (by_socket.call({"CONFIG", "SET", "port", std::to_string(candidate)})) port = candidate;
  }
  REQUIRE(port != 0);
  Client::Options options;
  options.endpoint.host = "localhost";
  options.endpoint.port = static_cast<std::uint16_t>(port);
  Client client(options);
  client.start();
  REQUIRE(client.wait_connected(kPatience));
  CHECK(client.call({"PING"})->text == "PONG");
}

}  // namespace
}  // namespace deskwire::redis
