// What start and stop promise: in any order, any number of times, from any thread.

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

Client::Options nobody_there() {
  Client::Options options;
  options.endpoint.socket_path = "/nonexistent/redis.sock";
  return options;
}

TEST_CASE("a client that was not started answers at once", "[redis][lifecycle]") {
  Client client(nobody_there());
  CHECK(client.call({"PING"}).error().code == ErrorCode::kUnavailable);
  CHECK_FALSE(client.connected());
  client.stop();
  CHECK(client.call({"PING"}).error().code == ErrorCode::kCancelled);
}

TEST_CASE("an empty command is refused", "[redis][lifecycle]") {
  Client client(nobody_there());
  CHECK(client.call({}).error().code == ErrorCode::kInvalid);
}

TEST_CASE("without a Redis calls fail at once and stop does not wait", "[redis][lifecycle]") {
  Client client(nobody_there());
  client.start();
  CHECK_FALSE(client.wait_connected(Milliseconds(1)));
  CHECK(client.call({"PING"}).error().code == ErrorCode::kUnavailable);
  client.stop();
}

TEST_CASE("starting and stopping twice is fine", "[redis][lifecycle]") {
  RedisServer server;
  Client client(server.options());
  client.start();
  client.start();
  REQUIRE(client.wait_connected(kPatience));
  CHECK(client.call({"PING"}));
  client.stop();
  client.stop();
  CHECK(client.call({"PING"}).error().code == ErrorCode::kCancelled);
  CHECK_FALSE(client.wait_connected(kPatience));
  client.start();
  CHECK_FALSE(client.connected());
}

TEST_CASE("stop while starting ends the thread", "[redis][lifecycle]") {
  RedisServer server;
  for (int round = 0; round < 30; ++round) {
    Client client(server.options());
    std::thread starter([&] { client.start(); });
    std::thread asker([&] { client.call({"PING"}); });
    std::thread stopper([&] { client.stop(); });
    client.stop();
    starter.join();
    asker.join();
    stopper.join();
    CHECK(client.call({"PING"}).error().code == ErrorCode::kCancelled);
  }
}

TEST_CASE("a stop wakes who waits for the connection", "[redis][lifecycle]") {
  Client client(nobody_there());
  client.start();
  EventProbe<bool> answers;
  std::thread waiter([&] { answers.push(client.wait_connected(std::chrono::minutes(10))); });
  client.stop();
  CHECK(answers.next() == false);
  waiter.join();
}

TEST_CASE("stop fails what still waits for an answer", "[redis][lifecycle]") {
  RedisServer server;
  Client client(server.options());
  client.start();
  REQUIRE(client.wait_connected(kPatience));
  server.pause();
  EventProbe<ErrorCode> answers;
  constexpr std::size_t kCount = 100;
  for (std::size_t i = 0; i < kCount; ++i) {
    client.submit({"PING"}, [&](Result<Reply> reply) { answers.push(reply.error().code); });
  }
  client.stop();
  CHECK(answers.take(kCount) == std::vector<ErrorCode>(kCount, ErrorCode::kCancelled));
  server.resume();
}

}  // namespace
}  // namespace deskwire::redis
