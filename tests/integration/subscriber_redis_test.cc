#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/redis/redis_subscriber.h"
#include "tests/support/catch.h"
#include "tests/support/event_probe.h"
#include "tests/support/redis_server.h"

namespace deskwire::redis {
namespace {

using testing::EventProbe;
using testing::RedisServer;

constexpr Milliseconds kPatience{20000};

/// What a subscriber told: {"message", topic, payload}, {"subscribed", topic, ""}, {"restored"}.
struct Told {
  std::string what;
  std::string topic;
  std::string payload;
};

struct Fixture {
  explicit Fixture(Milliseconds request_timeout = Milliseconds(2000))
      : publisher(server.options()) {
    auto options = server.options();
    options.request_timeout = request_timeout;
    subscriber = std::make_unique<Subscriber>(
        options,
        Subscriber::Callbacks{[this](std::string_view topic, std::string_view payload) {
                                told.push({"message", std::string(topic), std::string(payload)});
                              },
                              [this](std::string_view topic) {
                                told.push({"subscribed", std::string(topic), ""});
                              },
                              [this] {
                                told.push({"restored", "", ""});
                              }});
    publisher.start();
    REQUIRE(publisher.wait_connected(kPatience));
  }
  ~Fixture() { subscriber->stop(); }

  std::int64_t publish(const std::string& topic, const std::string& payload) {
    return publisher.call({"PUBLISH", topic, payload})->as_integer(-1);
  }
  bool subscribed(const std::string& topic) {
    return told
        .wait_for([&](const Told& one) { return one.what == "subscribed" && one.topic == topic; })
        .has_value();
  }
  std::string message(const std::string& topic) {
    const auto found =
        told.wait_for([&](const Told& one) { return one.what == "message" && one.topic == topic; });
    return found ? found->payload : "(none)";
  }
  bool restored() {
    return told.wait_for([](const Told& one) { return one.what == "restored"; }).has_value();
  }

  RedisServer server;
  EventProbe<Told> told;
  Client publisher;
  std::unique_ptr<Subscriber> subscriber;
};

TEST_CASE("messages arrive once the subscription is confirmed", "[redis][subscriber]") {
  Fixture f;
  f.subscriber->subscribe("before");
  f.subscriber->start();
  REQUIRE(f.subscribed("before"));
  f.subscriber->subscribe("after");
  REQUIRE(f.subscribed("after"));
  f.publish("before", "1");
  f.publish("after", std::string("2\0\r\n", 4));
  CHECK(f.message("before") == "1");
  CHECK(f.message("after") == std::string("2\0\r\n", 4));
}

TEST_CASE("a topic that is left sends no more", "[redis][subscriber]") {
  Fixture f;
  f.subscriber->start();
  f.subscriber->subscribe("a");
  f.subscriber->subscribe("b");
  REQUIRE(f.subscribed("b"));
  f.subscriber->unsubscribe("a");
  f.subscriber->subscribe("c");  // Its confirmation comes behind that of the unsubscription.
  REQUIRE(f.subscribed("c"));
  CHECK(f.publish("a", "1") == 0);
  CHECK(f.publish("c", "2") == 1);
}

TEST_CASE("leaving and coming back quickly ends subscribed", "[redis][subscriber]") {
  Fixture f;
  f.subscriber->start();
  f.subscriber->subscribe("a");
  REQUIRE(f.subscribed("a"));
  for (int i = 0; i < 100; ++i) {
    f.subscriber->unsubscribe("a");
    f.subscriber->subscribe("a");
  }
  f.subscriber->subscribe("z");
  REQUIRE(f.subscribed("z"));
  REQUIRE(f.subscribed("a"));
  CHECK(f.publish("a", "1") == 1);
  CHECK(f.message("a") == "1");
}

TEST_CASE("a lost connection is restored with all its topics", "[redis][subscriber]") {
  Fixture f;
  constexpr int kTopics = 1000;
  for (int i = 0; i < kTopics; ++i) f.subscriber->subscribe("t" + std::to_string(i));
  f.subscriber->start();
  for (int i = 0; i < kTopics; ++i) REQUIRE(f.subscribed("t" + std::to_string(i)));
  REQUIRE(f.publisher.call({"CLIENT", "KILL", "TYPE", "pubsub"})->as_integer() == 1);
  REQUIRE(f.restored());
  // on_restored comes when everything is confirmed, so a log read from then on misses nothing.
  for (int i = 0; i < kTopics; i += 111) {
    CHECK(f.publish("t" + std::to_string(i), "x") == 1);
    CHECK(f.message("t" + std::to_string(i)) == "x");
    CHECK(f.subscribed("t" + std::to_string(i)));
  }
}

TEST_CASE("a restarted Redis gets the subscriptions again", "[redis][subscriber]") {
  Fixture f;
  f.subscriber->start();
  f.subscriber->subscribe("a");
  REQUIRE(f.subscribed("a"));
  f.server.kill();
  f.subscriber->subscribe("while-away");
  f.subscriber->unsubscribe("a");
  f.server.restart();
  REQUIRE(f.subscribed("while-away"));
  REQUIRE(f.restored());
  REQUIRE(f.publisher.wait_connected(kPatience));
  CHECK(f.publish("while-away", "1") == 1);
  CHECK(f.publish("a", "1") == 0);
}

TEST_CASE("a half-open subscription is noticed without a message", "[redis][subscriber]") {
  Fixture f(Milliseconds(50));
  f.subscriber->start();
  f.subscriber->subscribe("a");
  REQUIRE(f.subscribed("a"));
  f.server.pause();
  while (f.subscriber->connected()) std::this_thread::yield();
  f.server.resume();
  CHECK(f.restored());
  CHECK(f.subscribed("a"));
}

TEST_CASE("an idle subscription stays", "[redis][subscriber]") {
  Fixture f(Milliseconds(20));
  f.subscriber->start();
  // Without a topic Redis answers PING as to any client, with one as Pub/Sub does; both must do.
  // Ten keep-alives are waited for in the server's own count.
  const auto pings = [&] {
    const std::string stats = f.publisher.call({"INFO", "commandstats"})->text;
    const auto at = stats.find("cmdstat_ping:calls=");
    return at == std::string::npos ? 0 : std::stoi(stats.substr(at + 19));
  };
  for (const int more : {5, 10}) {
    const int before = pings();
    while (pings() < before + more) std::this_thread::yield();
    f.subscriber->subscribe("a");
  }
  REQUIRE(f.subscribed("a"));
  CHECK_FALSE(
      f.told.wait_for([](const Told& one) { return one.what == "restored"; }, Milliseconds(0)));
}

TEST_CASE("a subscriber may be stopped unstarted, twice and while starting",
          "[redis][subscriber][lifecycle]") {
  Fixture f;
  for (int round = 0; round < 20; ++round) {
    Subscriber subscriber(f.server.options(), {});
    std::thread starter([&] { subscriber.start(); });
    subscriber.stop();
    starter.join();
    subscriber.stop();
    subscriber.start();
  }
  f.subscriber->stop();
}

}  // namespace
}  // namespace deskwire::redis
