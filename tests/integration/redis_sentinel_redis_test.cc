// A master, a replica and three sentinels: who connects to whom, before, while and after the master
// changes.

#include <atomic>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/redis/redis_client.h"
#include "core/redis/redis_subscriber.h"
#include "tests/support/catch.h"
#include "tests/support/event_probe.h"
#include "tests/support/redis_failover_set.h"

namespace deskwire::redis {
namespace {

using testing::EventProbe;
using testing::RedisFailoverSet;

constexpr Milliseconds kPatience{20000};

const Script& add() {
  static const Script script("add.lua", "#!lua\nreturn redis.call('SADD', KEYS[1], ARGV[1])\n");
  return script;
}

/// The port of the server that a client really talks to; empty while it talks to none.
std::string port_of(Client& client) {
  const auto answer = client.call({"CONFIG", "GET", "port"});
  return answer ? answer->at(1).text : std::string();
}

bool reaches(Client& client, std::uint16_t port) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < deadline) {
    if (client.wait_connected(Milliseconds(100)) && port_of(client) == std::to_string(port)) {
      return true;
    }
  }
  return false;
}

/// The sets of one test binary that nobody breaks.
RedisFailoverSet& calm_set() {
  static RedisFailoverSet set("sentinel-password");
  return set;
}

TEST_CASE("sentinels say where the master is", "[redis][sentinel]") {
  Client client(calm_set().options());
  client.start();
  REQUIRE(client.wait_connected(kPatience));
  CHECK(port_of(client) == std::to_string(calm_set().first_port()));
}

TEST_CASE("a sentinel that is away or does not know is passed over", "[redis][sentinel]") {
  auto options = calm_set().options();
  auto& sentinels = options.endpoint.sentinels;
  // Nobody listens on port 1; a data node knows no masters.
  sentinels = {{"127.0.0.1", 1}, {"127.0.0.1", calm_set().first_port()}, calm_set().sentinel(2)};
  Client client(options);
  client.start();
  CHECK(client.wait_connected(kPatience));
}

TEST_CASE("without a sentinel that knows the master there is no connection", "[redis][sentinel]") {
  auto options = calm_set().options();
  SECTION("another name") { options.endpoint.master_name = "other"; }
  SECTION("a wrong password") { options.endpoint.sentinel_password = "wrong"; }
  SECTION("nobody there") { options.endpoint.sentinels = {{"127.0.0.1", 1}}; }
  Client client(options);
  client.start();
  CHECK_FALSE(client.wait_connected(Milliseconds(300)));
  CHECK(client.call({"PING"}).error().code == ErrorCode::kUnavailable);
}

TEST_CASE("a replica is no place to connect to", "[redis][sentinel]") {
  Client::Options options;
  options.endpoint.host = "127.0.0.1";
  options.endpoint.port = calm_set().second_port();
  Client client(options);
  client.start();
  CHECK_FALSE(client.wait_connected(Milliseconds(300)));
}

TEST_CASE("case 28: a planned failover moves every kind of connection",
          "[redis][sentinel][failover]") {
  RedisFailoverSet set;
  Client client(set.options());
  client.start();
  EventProbe<std::string> told;
  Subscriber subscriber(
      set.options(),
      {[&](std::string_view, std::string_view payload) { told.push(std::string(payload)); },
       [&](std::string_view) { told.push("subscribed"); }, [&] { told.push("restored"); }});
  subscriber.subscribe("news");
  subscriber.start();
  EventProbe<std::string> rings;
  BellListener bell(set.options(), {"bell"},
                    [&](std::string_view key) { rings.push(std::string(key)); });
  bell.start();
  const auto tells = [&](const std::string& what) {
    return told.wait_for([&](const std::string& one) { return one == what; }).has_value();
  };
  REQUIRE(reaches(client, set.first_port()));
  REQUIRE(tells("subscribed"));
  REQUIRE(rings.next() == "");

  set.begin_failover();
  REQUIRE(reaches(client, set.second_port()));
  // The sentinels leave the old master as it is for another eight seconds: nobody is driven away
  // from it, and what is written to it is lost.
  Client old(set.first().options());
  old.start();
  CHECK(old.wait_connected(Milliseconds(2000)));
  CHECK(tells("restored"));
  REQUIRE(rings.next() == "");
  REQUIRE(client.call({"PUBLISH", "news", "after"}));
  CHECK(tells("after"));
  REQUIRE(client.call({"LPUSH", "bell", "1"}));
  CHECK(rings.wait_for([](const std::string& key) { return key == "bell"; }));
}

/// Threads that add members until they are told to stop, and remember what was acknowledged. A
/// failed call is repeated until it succeeds.
class Adders {
 public:
  explicit Adders(Client& client) : client_(client) {
    for (int t = 0; t < 4; ++t) threads_.emplace_back([this, t] { run(t); });
  }
  void stop() {
    stopping_.store(true);
    for (std::thread& thread : threads_) thread.join();
  }
  std::size_t count() {
    const std::lock_guard lock(mutex_);
    return acknowledged_.size();
  }
  std::vector<std::string> missing(Client& reader) {
    std::set<std::string> there;
    REQUIRE(reader.wait_connected(kPatience));
    const auto members = reader.call({"SMEMBERS", "members"});
    REQUIRE(members);
    for (const Reply& member : members->items) there.insert(member.text);
    std::vector<std::string> missing;
    for (const std::string& one : acknowledged_) {
      if (!there.contains(one)) missing.push_back(one);
    }
    return missing;
  }

 private:
  void run(int thread) {
    for (int i = 0; !stopping_.load(); ++i) {
      const std::string member = std::to_string(thread) + "-" + std::to_string(i);
      while (!client_.run(add(), {"members"}, {member}) && !stopping_.load()) {
        client_.wait_connected(Milliseconds(50));
      }
      if (stopping_.load()) return;
      const std::lock_guard lock(mutex_);
      acknowledged_.push_back(member);
    }
  }

  Client& client_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::vector<std::string> acknowledged_;
  std::vector<std::thread> threads_;
};

TEST_CASE("case 28: what was acknowledged with WAIT outlives a killed master",
          "[redis][sentinel][failover]") {
  RedisFailoverSet set;
  auto options = set.options();
  options.wait_replicas = 1;
  Client client(options);
  client.start();
  REQUIRE(client.wait_connected(kPatience));
  Adders adders(client);
  while (adders.count() < 500) std::this_thread::yield();
  set.first().kill();
  // The new master has no replica: it confirms nothing until it gets one.
  auto plain = set.options();
  Client reader(plain);
  reader.start();
  REQUIRE(reaches(reader, set.second_port()));
  const std::size_t before = adders.count();
  set.await_master(set.second_port());
  set.first().restart();  // Empty; the sentinels make it a replica.
  while (adders.count() < before + 100) std::this_thread::yield();
  adders.stop();
  CHECK(adders.missing(reader).empty());
}

}  // namespace
}  // namespace deskwire::redis
