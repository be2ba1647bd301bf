#include <chrono>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/channel.h"
#include "core/channel_log.h"
#include "core/redis/redis_client.h"
#include "jobs/alert_desk.h"
#include "jobs/redis_job_store.h"
#include "tests/support/catch.h"
#include "tests/support/redis_server.h"
#include "tests/support/sla_story.h"
#include "worker/sla/clock_keeper.h"

namespace deskwire::worker {
namespace {

using nlohmann::json;

constexpr Milliseconds kPatience{60000};

/// Processes that keep the same clocks, and the receiver that makes facts.
class Bench {
 public:
  explicit Bench(const config::SlaPolicy& policy, int keepers = 3)
      : book_(testing::book_of({policy})), client_(server_.options()), log_(client_, {}) {
    jobs::LaneLimits limits;
    limits.clocks_run = true;
    store_ = std::make_unique<jobs::RedisJobStore>(client_, clock_, limits);
    desk_ = std::make_unique<jobs::AlertDesk>(client_, limits.log);
    client_.start();
    REQUIRE(client_.wait_connected(Milliseconds(20000)));
    for (int i = 0; i < keepers; ++i) add_keeper();
  }
  ~Bench() {
    keepers_.clear();
    client_.stop();
  }

  void add_keeper() {
    keepers_.push_back(std::make_unique<ClockKeeper>(
        client_, log_, ClockKeeper::Options{server_.options(), {}}, book_, clock_, metrics_));
    keepers_.back()->start();
  }

  std::int64_t now() const { return clock_.wall_ms(); }

  /// A fact as the receiver stores it.
  void fact(const std::string& lane, json fields) {
    fields["v"] = 1;
    fields["at"] = now();
    fields["source"] = "support";
    fields["account"] = "1";
    jobs::EnqueueRequest request;
    request.lane = lane;
    request.receipt = new_job_id(now(), shard_of_lane(lane)).str();
    request.fact = fields.dump();
    request.state.emplace().source = "support";
    REQUIRE(store_->enqueue(request));
  }
  void customer(const std::string& lane, std::int64_t ago_ms) {
    fact(lane, {{"kind", "message_created"},
                {"by", "contact"},
                {"message", "m-" + std::to_string(++messages_)},
                {"created_at", now() - ago_ms}});
  }
  void agent(const std::string& lane, std::int64_t ago_ms) {
    fact(lane, {{"kind", "message_created"},
                {"by", "user"},
                {"message", "m-" + std::to_string(++messages_)},
                {"created_at", now() - ago_ms}});
  }

  /// The channel's events so far.
  std::vector<json> events(const std::string& channel) {
    std::promise<Result<ChannelLogPage>> page;
    log_.history(channel, {.limit = 1000},
                 [&page](Result<ChannelLogPage> read) { page.set_value(std::move(read)); });
    const auto read = page.get_future().get();
    REQUIRE(read);
    std::vector<json> found;
    for (const auto& entry : read->entries) found.push_back(json::parse(entry.envelope));
    return found;
  }
  std::vector<std::string> names(const std::string& channel) {
    std::vector<std::string> result;
    for (const json& event : events(channel)) result.push_back(event.at("event"));
    return result;
  }
  /// Waits until the channel has so many events.
  std::vector<json> wait_for(const std::string& channel, std::size_t count) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < deadline) {
      auto found = events(channel);
      if (found.size() >= count) return found;
      std::this_thread::sleep_for(Milliseconds(5));
    }
    FAIL("no " << count << " events on " << channel);
    return {};
  }

  testing::RedisServer server_;
  SystemClock clock_;
  Metrics metrics_;
  std::shared_ptr<const PolicyBook> book_;
  redis::Client client_;
  ChannelLog log_;
  std::unique_ptr<jobs::RedisJobStore> store_;
  std::unique_ptr<jobs::AlertDesk> desk_;
  std::vector<std::unique_ptr<ClockKeeper>> keepers_;
  int messages_ = 0;
};

/// First response in a minute, warning five seconds before; nothing else.
config::SlaPolicy minute_policy() {
  config::SlaPolicy policy;
  policy.id = "gold";
  policy.violation_grace_s = 0;
  policy.first_response.targets_s = {{"default", 60}};
  policy.first_response.warn_at = {{.before_s = 5}};
  return policy;
}

TEST_CASE("clocks warn and are missed exactly once, never early", "[sla][redis]") {
  Bench bench(minute_policy());
  // Answered before anything is due, to see that nothing is told of them.
  bench.customer("met", 54000);
  bench.agent("met", 0);
  std::vector<std::string> lanes;
  for (int i = 0; i < 40; ++i) lanes.push_back(std::to_string(1000 + i));
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    bench.customer(lanes[i], 54000 - static_cast<std::int64_t>(i) * 20);
  }
  for (const std::string& lane : lanes) {
    const auto events = bench.wait_for("conversation:" + lane + ":internal", 2);
    CAPTURE(lane);
    REQUIRE(events.size() == 2);
    CHECK(events[0].at("event") == "sla:warning");
    CHECK(events[1].at("event") == "sla:violation");
    const json& warning = events[0].at("data");
    CHECK(warning.at("threshold") == 55);
    CHECK(warning.at("severity") == "warning");
    CHECK(warning.at("alert_key") == "sla/1/" + lane + "/first_response/1");
    CHECK(warning.at("conversation") == std::stoi(lane));
    const json& violation = events[1].at("data");
    CHECK(violation.at("threshold") == 60);
    CHECK(violation.at("severity") == "critical");
    CHECK(violation.at("event_id").get<std::string>().size() == 32);
    // The time of due in the log is in whole milliseconds: told at that instant or later.
    CHECK(violation.at("timestamp").get<std::int64_t>() >=
          warning.at("timestamp").get<std::int64_t>() + 4000);
    CHECK(violation.at("late_by_s") == 0);
  }
  CHECK(bench.names("conversation:met:internal") == std::vector<std::string>{"sla:met"});
  const auto on_call = bench.wait_for("oncall", 2 * lanes.size() + 1);
  std::set<std::string> ids;
  for (const json& event : on_call) ids.insert(event.at("id"));
  CHECK(ids.size() == 2 * lanes.size() + 1);
  CHECK(bench.wait_for("agents", 2 * lanes.size() + 1).size() == 2 * lanes.size() + 1);
}

TEST_CASE("an alert is acknowledged until its cycle ends", "[sla][redis]") {
  Bench bench(minute_policy(), 1);
  bench.customer("42", 56000);
  const std::string channel = "conversation:42:internal";
  const auto warning = bench.wait_for(channel, 1).front().at("data");
  const std::string id = warning.at("event_id");
  const auto acked = bench.desk_->change({id, jobs::AlertVerb::kAcknowledge, "ann"});
  REQUIRE(acked);
  CHECK(json::parse(*acked).at("ack").at("by") == "ann");
  auto events = bench.wait_for(channel, 2);
  CHECK(events[1].at("event") == "sla:acknowledged");
  CHECK(events[1].at("data").at("event_id") == id);
  SECTION("twice tells nobody again") {
    const auto again = bench.desk_->change({id, jobs::AlertVerb::kAcknowledge, "bob"});
    REQUIRE(again);
    CHECK_FALSE(json::parse(*again).at("changed").get<bool>());
    CHECK(json::parse(*again).at("ack").at("by") == "ann");
  }
  SECTION("the violation of the same alert knows of it") {
    events = bench.wait_for(channel, 3);
    CHECK(events[2].at("event") == "sla:violation");
    CHECK(events[2].at("data").at("ack").at("state") == "acked");
    bench.agent("42", 0);
    bench.wait_for(channel, 4);
    const auto over = bench.desk_->change({id, jobs::AlertVerb::kUnacknowledge, "ann"});
    REQUIRE_FALSE(over);
    CHECK(over.error().code == ErrorCode::kConflict);
  }
  SECTION("it can be given back") {
    REQUIRE(bench.desk_->change({id, jobs::AlertVerb::kUnacknowledge, "ann"}));
    events = bench.wait_for(channel, 3);
    CHECK(events[2].at("event") == "sla:unacknowledged");
  }
}

TEST_CASE("a snooze ends by itself", "[sla][redis]") {
  auto policy = minute_policy();
  policy.first_response.warn_at = {{.before_s = 50}};
  Bench bench(policy, 2);
  bench.customer("42", 11000);
  const std::string channel = "conversation:42:internal";
  const std::string id = bench.wait_for(channel, 1).front().at("data").at("event_id");
  REQUIRE(bench.desk_->change({id, jobs::AlertVerb::kSnooze, "ann", 0, Milliseconds(300)}));
  const auto events = bench.wait_for(channel, 3);
  CHECK(events[1].at("event") == "sla:snoozed");
  CHECK(events[2].at("event") == "sla:unacknowledged");
  CHECK(events[2].at("data").at("reason") == "snooze_over");
  CHECK(events[2].at("timestamp").get<std::int64_t>() >=
        events[1].at("timestamp").get<std::int64_t>() + 290);
}

TEST_CASE("nobody knows an alert that never was", "[sla][redis]") {
  Bench bench(minute_policy(), 0);
  const auto none = bench.desk_->change({"0123", jobs::AlertVerb::kAcknowledge, "ann"});
  REQUIRE_FALSE(none);
  CHECK(none.error().code == ErrorCode::kNotFound);
}

TEST_CASE("a late fact retracts the violation that it undoes", "[sla][redis]") {
  Bench bench(minute_policy());
  bench.customer("42", 61000);
  const std::string channel = "conversation:42:internal";
  const auto violated = bench.wait_for(channel, 2);
  REQUIRE(violated[1].at("event") == "sla:violation");
  bench.agent("42", 30000);
  const auto events = bench.wait_for(channel, 4);
  std::set<std::string> names;
  for (const json& event : events) names.insert(event.at("event"));
  CHECK(names == std::set<std::string>{"sla:warning", "sla:violation", "sla:met", "sla:retracted"});
  for (const json& event : events) {
    if (event.at("event") != "sla:retracted") continue;
    CHECK(event.at("data").at("event_id") == violated[1].at("data").at("event_id"));
  }
}

TEST_CASE("missing timers are restored, and forgotten conversations found", "[sla][redis]") {
  Bench bench(minute_policy(), 1);
  bench.customer("42", 50000);
  const auto shard = "dw:{" + std::to_string(shard_of_lane("42")) + "}:";
  const auto watched = [&] {
    const auto reply = bench.client_.call({"SCARD", shard + "watched"});
    return reply && reply->integer == 1;
  };
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!watched() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(Milliseconds(5));
  }
  bench.keepers_.clear();
  REQUIRE(bench.client_.call({"DEL", shard + "clocks"}));
  bench.add_keeper();
  CHECK(bench.wait_for("conversation:42:internal", 2).size() == 2);
}

TEST_CASE("new policies are applied to clocks that run", "[sla][redis]") {
  Bench bench(minute_policy(), 1);
  bench.customer("42", 20000);
  auto strict = minute_policy();
  strict.first_response.targets_s = {{"default", 15}};
  bench.keepers_.front()->set_book(testing::book_of({strict}));
  const auto violated = bench.wait_for("conversation:42:internal", 1);
  CHECK(violated.back().at("event") == "sla:violation");
  bench.keepers_.front()->set_book(testing::book_of({}));
  const auto gone = bench.wait_for("conversation:42:internal", violated.size() + 1);
  CHECK(gone.back().at("event") == "sla:cancelled");
}

TEST_CASE("keepers start and stop in any order", "[sla][redis]") {
  Bench bench(minute_policy(), 0);
  for (int i = 0; i < 10; ++i) {
    ClockKeeper keeper(bench.client_, bench.log_, {bench.server_.options(), {}}, bench.book_,
                       bench.clock_, bench.metrics_);
    keeper.stop();
    keeper.start();
    keeper.start();
    if (i % 2 == 0) bench.customer("7", 1000);
    keeper.stop();
    keeper.stop();
  }
}

}  // namespace
}  // namespace deskwire::worker
