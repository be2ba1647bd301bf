#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/channel_log.h"
#include "core/redis/redis_client.h"
#include "core/timestamp.h"
#include "tests/support/catch.h"
#include "tests/support/event_probe.h"
#include "tests/support/manual_clock.h"
#include "tests/support/redis_server.h"
#include "worker/sla/queue_wait.h"

namespace deskwire::worker {
namespace {

using nlohmann::json;

/// Two processes that watch the same Redis.
struct Watchers {
  Watchers() : client(server.options()), log(client, {}) {
    client.start();
    REQUIRE(client.wait_connected(Milliseconds(20000)));
  }
  ~Watchers() { client.stop(); }

  void observe(std::int64_t wait_s, std::int64_t at_s) {
    const std::int64_t now_ms = 1'795'255'200'000 + at_s * 1000;
    first.observe(std::chrono::seconds(wait_s), now_ms);
    second.observe(std::chrono::seconds(wait_s), now_ms);
    settle();
  }

  /// Every callback makes its next call before the reply to a later command comes, so a round trip
  /// per step of the chain (script, ops, oncall, told) sees it through.
  void settle() {
    for (int i = 0; i < 6; ++i) REQUIRE(client.call({"PING"}));
  }

  /// Names and data of the channel's events so far.
  std::vector<std::pair<std::string, json>> events(const std::string& channel) {
    testing::EventProbe<ChannelLogPage> pages;
    log.history(channel, {.limit = 100}, [&pages](Result<ChannelLogPage> page) {
      pages.push(page ? std::move(*page) : ChannelLogPage{});
    });
    std::vector<std::pair<std::string, json>> found;
    const auto page = pages.next();
    REQUIRE(page);
    for (const auto& entry : page->entries) {
      const json envelope = json::parse(entry.envelope);
      found.emplace_back(envelope.at("event").get<std::string>(), envelope.at("data"));
    }
    return found;
  }
  std::vector<std::string> names(const std::string& channel) {
    std::vector<std::string> result;
    for (const auto& [name, data] : events(channel)) result.push_back(name);
    return result;
  }

  testing::RedisServer server;
  redis::Client client;
  ChannelLog log;
  testing::ManualClock clock;
  const config::QueueWait thresholds{.warning_s = 30, .critical_s = 120};
  QueueWaitMonitor first{client, log, thresholds, clock};
  QueueWaitMonitor second{client, log, thresholds, clock};
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a long wait is warned about once an episode, however many processes watch",
          "[worker][queue_wait][redis]") {
  Watchers watch;
  watch.observe(29, 0);
  CHECK(watch.names("ops").empty());
  watch.observe(31, 2);
  watch.observe(60, 31);
  watch.observe(121, 92);
  watch.observe(200, 171);
  CHECK(watch.names("ops") == Names{"sla:warning", "sla:violation"});
  CHECK(watch.names("oncall") == Names{"sla:warning", "sla:violation"});

  const auto events = watch.events("ops");
  const json& warning = events.at(0).second;
  CHECK(warning.at("threshold") == 30);
  CHECK(warning.at("actual") == 31);
  CHECK(warning.at("severity") == "warning");
  CHECK(warning.at("metric") == "queue_wait");
  CHECK(warning.at("queue") == "jobs");
  CHECK(warning.at("alert_key") == "sla/queue/jobs/queue_wait");
  CHECK(warning.at("started_at") == iso8601(1'795'255'200'000 + 2000 - 31000));
  CHECK(warning.at("v") == 1);
  CHECK(warning.at("type") == "sla:warning");
  CHECK(warning.at("unit") == "s");
  CHECK(warning.at("emitted_at") == iso8601(warning.at("timestamp").get<std::int64_t>()));
  const json& violation = events.at(1).second;
  CHECK(violation.at("threshold") == 120);
  CHECK(violation.at("actual") == 121);
  CHECK(violation.at("severity") == "critical");
  CHECK(violation.at("episode") == warning.at("episode"));
  CHECK(violation.at("event_id") != warning.at("event_id"));
}

TEST_CASE("an episode ends after a minute well below the threshold, and the next one warns anew",
          "[worker][queue_wait][redis]") {
  Watchers watch;
  watch.observe(35, 0);
  watch.observe(25, 10);  // Below 30, but not below 24.
  watch.observe(25, 100);
  watch.observe(0, 110);
  watch.observe(26, 140);  // Not yet a minute: begins again.
  watch.observe(0, 150);
  watch.observe(0, 209);
  CHECK(watch.names("ops") == Names{"sla:warning"});
  watch.observe(0, 210);
  CHECK(watch.names("ops") == Names{"sla:warning", "sla:met"});
  watch.observe(31, 300);
  CHECK(watch.names("oncall") == Names{"sla:warning", "sla:met", "sla:warning"});
  const auto events = watch.events("ops");
  CHECK(events.at(0).second.at("episode") == events.at(1).second.at("episode"));
  CHECK(events.at(0).second.at("episode") != events.at(2).second.at("episode"));
}

TEST_CASE("a wait that is critical at once violates without a warning, and may do so again",
          "[worker][queue_wait][redis]") {
  Watchers watch;
  watch.observe(130, 0);
  watch.observe(90, 10);  // Below 96, above 24: the violation ends, the episode goes on.
  watch.observe(90, 70);
  watch.observe(125, 105);
  watch.observe(0, 110);
  watch.observe(0, 170);
  watch.observe(0, 230);
  CHECK(watch.names("ops") == Names{"sla:violation", "sla:violation", "sla:met"});
  const auto events = watch.events("ops");
  CHECK(events.at(2).second.at("severity") == "critical");
  CHECK(events.at(0).second.at("event_id") != events.at(1).second.at("event_id"));
}

TEST_CASE("what a dying process did not announce another one does", "[worker][queue_wait][redis]") {
  Watchers watch;
  watch.observe(31, 0);
  // As if the process had died between the script and the channels.
  REQUIRE(watch.client.call({"HDEL", "dw:{0}:queue_wait", "told"}));
  REQUIRE(watch.client.call({"FLUSHDB"}));
  REQUIRE(watch.client.call({"HSET", "dw:{0}:queue_wait", "level", "warning", "episode", "E", "seq",
                             "0", "since", "1", "warning", "31", "worst", "warning"}));
  watch.observe(32, 1);
  CHECK(watch.names("ops") == Names{"sla:warning"});
  CHECK(watch.events("oncall").at(0).second.at("episode") == "E");
}

TEST_CASE("foreign data under the key is no reason to crash or to fall silent for ever",
          "[worker][queue_wait][redis]") {
  Watchers watch;
  REQUIRE(watch.client.call({"SET", "dw:{0}:queue_wait", "not a hash"}));
  watch.observe(31, 0);
  CHECK(watch.names("ops").empty());
  REQUIRE(watch.client.call({"DEL", "dw:{0}:queue_wait"}));
  watch.observe(31, 1);
  CHECK(watch.names("ops") == Names{"sla:warning"});
}

}  // namespace deskwire::worker
