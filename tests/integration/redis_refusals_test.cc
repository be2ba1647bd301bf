// Every class of error answer, from a peer that gives it when a test wants it.

#include <atomic>
#include <string>

#include "core/redis/redis_client.h"
#include "tests/support/catch.h"
#include "tests/support/event_probe.h"
#include "tests/support/fake_redis.h"

namespace deskwire::redis {
namespace {

using testing::EventProbe;
using testing::FakeRedis;

constexpr Milliseconds kPatience{20000};

const Script& script() {
  static const Script one("one.lua", "#!lua\nreturn 1\n");
  return one;
}

/// Answers `error` to all commands of the first connection, and `:1` to those of later ones.
class RefusingRedis {
 public:
  explicit RefusingRedis(std::string error)
      : fake_([this, error = std::move(error)](int connection, std::string_view received) {
          const std::string login = FakeRedis::login_answer(received);
          if (!login.empty()) return login;
          ++asked_;
          return connection == 1 || always_.load() ? "-" + error + " of a test\r\n"
                                                   : std::string(":1\r\n");
        }) {}

  Client::Options options() const {
    auto options = fake_.options();
    options.min_connection_age = Milliseconds(0);
    return options;
  }
  void refuse_always() { always_.store(true); }
  int asked() const { return asked_.load(); }

 private:
  std::atomic<int> asked_{0};
  std::atomic<bool> always_{false};
  FakeRedis fake_;
};

const auto kElsewhere = {"LOADING",  "READONLY",  "MASTERDOWN", "CLUSTERDOWN",
                         "TRYAGAIN", "UNBLOCKED", "NOREPLICAS"};

TEST_CASE("a script that this server refuses is sent again over a new connection",
          "[redis][refusals]") {
  for (const std::string error : kElsewhere) {
    CAPTURE(error);
    RefusingRedis redis(error);
    Client client(redis.options());
    client.start();
    REQUIRE(client.wait_connected(kPatience));
    const auto reply = client.run(script(), {"k"}, {});
    REQUIRE(reply);
    CHECK(reply->integer == 1);
    CHECK(redis.asked() == 2);
  }
}

TEST_CASE("a script is sent again once, then the refusal is its answer", "[redis][refusals]") {
  RefusingRedis redis("READONLY");
  redis.refuse_always();
  Client client(redis.options());
  client.start();
  REQUIRE(client.wait_connected(kPatience));
  const auto reply = client.run(script(), {"k"}, {});
  REQUIRE_FALSE(reply);
  CHECK(reply.error().code == ErrorCode::kUnavailable);
  CHECK(reply.error().message.find("READONLY") != std::string::npos);
  CHECK(redis.asked() == 2);
}

TEST_CASE("a plain command that is refused fails, and the next one meets the new server",
          "[redis][refusals]") {
  RefusingRedis redis("READONLY");
  Client client(redis.options());
  client.start();
  REQUIRE(client.wait_connected(kPatience));
  CHECK(client.call({"SET", "a", "1"}).error().code == ErrorCode::kUnavailable);
  while (!client.call({"SET", "a", "1"})) client.wait_connected(kPatience);
  CHECK(redis.asked() == 2);
}

TEST_CASE("a young connection is not left for a refusal", "[redis][refusals]") {
  RefusingRedis redis("NOREPLICAS");
  auto options = redis.options();
  options.min_connection_age = std::chrono::hours(1);
  Client client(options);
  client.start();
  REQUIRE(client.wait_connected(kPatience));
  CHECK(client.run(script(), {"k"}, {}).error().code == ErrorCode::kUnavailable);
  CHECK(client.connected());
}

TEST_CASE("a refused script whose time passes without a master fails", "[redis][refusals]") {
  // The second connection is never let in.
  FakeRedis fake([](int connection, std::string_view received) -> std::string {
    const std::string login = FakeRedis::login_answer(received);
    if (login.empty()) return "-READONLY of a test\r\n";
    return connection == 1 ? login : "+OK\r\n-LOADING of a test\r\n";
  });
  auto options = fake.options();
  options.min_connection_age = Milliseconds(0);
  options.request_timeout = Milliseconds(100);
  Client client(options);
  client.start();
  REQUIRE(client.wait_connected(kPatience));
  const auto reply = client.run(script(), {"k"}, {});
  REQUIRE_FALSE(reply);
  CHECK(reply.error().code == ErrorCode::kUnavailable);
}

TEST_CASE("a stop answers a script that waits for the next master", "[redis][refusals]") {
  EventProbe<int> tried;
  FakeRedis fake([&](int connection, std::string_view received) -> std::string {
    const std::string login = FakeRedis::login_answer(received);
    if (login.empty()) return "-READONLY of a test\r\n";
    if (connection == 1) return login;
    tried.push(connection);
    return "+OK\r\n-LOADING of a test\r\n";
  });
  auto options = fake.options();
  options.min_connection_age = Milliseconds(0);
  options.request_timeout = std::chrono::minutes(10);
  Client client(options);
  client.start();
  REQUIRE(client.wait_connected(kPatience));
  EventProbe<ErrorCode> answers;
  client.submit(script(), {"k"}, {},
                [&](Result<Reply> reply) { answers.push(reply.error().code); });
  REQUIRE(tried.next());
  client.stop();
  CHECK(answers.next() == ErrorCode::kCancelled);
}

TEST_CASE("a Redis that takes no more for now is full, and stays connected", "[redis][refusals]") {
  for (const std::string error : {"OOM", "MISCONF", "BUSY"}) {
    CAPTURE(error);
    RefusingRedis redis(error);
    Client client(redis.options());
    client.start();
    REQUIRE(client.wait_connected(kPatience));
    CHECK(client.run(script(), {"k"}, {}).error().code == ErrorCode::kFull);
    CHECK(client.connected());
    CHECK(redis.asked() == 1);
  }
}

TEST_CASE("foreign data is corrupt, anything else invalid", "[redis][refusals]") {
  for (const auto& [error, code] :
       {std::pair{"WRONGTYPE", ErrorCode::kCorrupt}, std::pair{"NOPERM", ErrorCode::kInvalid},
        std::pair{"READONLYISH", ErrorCode::kInvalid}, std::pair{"ERR", ErrorCode::kInvalid}}) {
    CAPTURE(error);
    RefusingRedis redis(error);
    Client client(redis.options());
    client.start();
    REQUIRE(client.wait_connected(kPatience));
    CHECK(client.run(script(), {"k"}, {}).error().code == code);
    CHECK(client.connected());
  }
}

TEST_CASE("a script that Redis forgot goes as text, once", "[redis][refusals]") {
  RefusingRedis redis("NOSCRIPT");
  Client client(redis.options());
  client.start();
  REQUIRE(client.wait_connected(kPatience));
  // A peer that never learns it must not be asked for ever.
  CHECK(client.run(script(), {"k"}, {}).error().code == ErrorCode::kInvalid);
  CHECK(redis.asked() == 1);
  CHECK(client.run(script(), {"k"}, {}).error().code == ErrorCode::kInvalid);
  CHECK(redis.asked() == 3);
}

}  // namespace
}  // namespace deskwire::redis
