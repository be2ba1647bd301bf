#include <memory>
#include <string>
#include <thread>

#include "core/redis/redis_subscriber.h"
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

struct Fixture {
  Fixture()
      : ringer(server.options()),
        listener(server.options(), {"bell:1", "bell:2"},
                 [this](auto key) { rings.push(std::string(key)); }) {
    ringer.start();
    REQUIRE(ringer.wait_connected(kPatience));
  }
  ~Fixture() { listener.stop(); }

  bool rang(const std::string& key) {
    return rings.wait_for([&](const std::string& one) { return one == key; }).has_value();
  }

  RedisServer server;
  EventProbe<std::string> rings;
  Client ringer;
  BellListener listener;
};

TEST_CASE("each token rings once, with its key", "[redis][bell]") {
  Fixture f;
  f.listener.start();
  REQUIRE(f.rang(""));
  for (int i = 0; i < 20; ++i) {
    const std::string key = i % 2 == 0 ? "bell:1" : "bell:2";
    REQUIRE(f.ringer.call({"LPUSH", key, "1"}));
    CHECK(f.rang(key));
  }
  CHECK(f.rings.size() == 0);
}

TEST_CASE("what rang before the listener came is taken", "[redis][bell]") {
  Fixture f;
  REQUIRE(f.ringer.call({"LPUSH", "bell:2", "1"}));
  f.listener.start();
  CHECK(f.rings.next() == "");
  CHECK(f.rings.next() == "bell:2");
}

TEST_CASE("a listener leaves the tokens to others until one is wanted", "[redis][bell]") {
  Fixture f;
  EventProbe<std::string> asked;
  EventProbe<int> wanted;
  EventProbe<std::string> rings;
  BellListener listener(
      f.server.options(), {"bell:1", "bell:2"}, [&](auto key) { rings.push(std::string(key)); },
      [&] {
        asked.push("wanted?");
        wanted.next();
      });
  listener.start();
  REQUIRE(asked.next() == "wanted?");
  REQUIRE(f.ringer.call({"LPUSH", "bell:1", "1", "1"}));
  REQUIRE(f.ringer.call({"LPUSH", "bell:2", "1"}));
  CHECK(f.ringer.call({"LLEN", "bell:1"})->as_integer() == 2);
  CHECK(rings.next() == "");
  wanted.push(1);
  CHECK(rings.next() == "bell:1");
  wanted.push(1);
  CHECK(rings.next() == "bell:2");  // Each has its turn, although the first has another token.
  wanted.push(1);
  CHECK(rings.next() == "bell:1");
  wanted.push(1);  // It may go and listen.
  listener.stop();
}

TEST_CASE("a listener that lost its connection rings without a key", "[redis][bell]") {
  Fixture f;
  f.listener.start();
  REQUIRE(f.rang(""));
  f.server.kill();
  f.server.restart();
  CHECK(f.rang(""));
  REQUIRE(f.ringer.wait_connected(kPatience));
  REQUIRE(f.ringer.call({"LPUSH", "bell:1", "1"}));
  CHECK(f.rang("bell:1"));
}

TEST_CASE("a listener notices that Redis hangs, by a deadline of its own", "[redis][bell]") {
  // This peer takes BLPOP and never answers it, not even after BLPOP's own timeout.
  FakeRedis fake([](int, std::string_view received) { return FakeRedis::login_answer(received); });
  auto options = fake.options();
  options.request_timeout = Milliseconds(50);
  EventProbe<std::string> rings;
  BellListener listener(options, {"b"}, [&](auto key) { rings.push(std::string(key)); });
  listener.start();
  CHECK(rings.next() == "");
  CHECK(rings.next() == "");  // It gave up the first connection and made another.
  listener.stop();
}

TEST_CASE("foreign data under a bell does not end the listener", "[redis][bell]") {
  Fixture f;
  REQUIRE(f.ringer.call({"SET", "bell:1", "text"}));
  f.listener.start();
  REQUIRE(f.rang(""));
  REQUIRE(f.rang(""));  // BLPOP was refused; it tries again, with backoff.
  REQUIRE(f.ringer.call({"DEL", "bell:1"}));
  REQUIRE(f.ringer.call({"LPUSH", "bell:1", "1"}));
  CHECK(f.rang("bell:1"));
}

TEST_CASE("a listener may be stopped unstarted, twice and while starting",
          "[redis][bell][lifecycle]") {
  Fixture f;
  for (int round = 0; round < 20; ++round) {
    BellListener listener(f.server.options(), {"b"}, [](auto) {});
    std::thread starter([&] { listener.start(); });
    listener.stop();
    starter.join();
    listener.stop();
  }
}

}  // namespace
}  // namespace deskwire::redis
