// The conformance suite against Redis, and what only Redis can show.
#include <array>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "core/channel.h"
#include "core/ids.h"
#include "jobs/effects.h"
#include "jobs/keys.h"
#include "tests/support/catch.h"
#include "tests/support/event_probe.h"
#include "tests/support/redis_job_harness.h"

namespace deskwire::testing {

using namespace jobs;

std::unique_ptr<JobStoreHarness> make_job_store_harness(const LaneLimits& limits) {
  return std::make_unique<RedisJobHarness>(limits);
}

namespace {

const std::string kLane = "42";

RedisJobHarness& redis_of(LaneDriver& lane) {
  return static_cast<RedisJobHarness&>(lane.harness());
}

/// A few thousand random calls, each of which may be repeated as after a lost answer.
class RandomCalls {
 public:
  explicit RandomCalls(unsigned seed) : random_(seed), lane_(limits()) {}

  void run(int calls) {
    for (int i = 0; i < calls; ++i) {
      call();
      if (i % 500 == 499) lane_.require_sound();
    }
    drain();
  }

 private:
  static LaneLimits limits() {
    LaneLimits limits;
    limits.lease = Milliseconds{3};
    limits.max_crashes = 2;
    limits.completed_max = 20;
    return limits;
  }
  unsigned pick(unsigned below) { return static_cast<unsigned>(random_() % below); }
  std::string any_lane() { return "r" + std::to_string(pick(12)); }

  void call() {
    switch (pick(10)) {
      case 0:
      case 1:
      case 2:
        return enqueue();
      case 3:
      case 4:
      case 5:
        return step();
      case 6:
        return fail();
      case 7:
        return static_cast<void>(lane_.beat(any_lane()));
      case 8:
        return intend_or_release();
      default:
        return operate();
    }
  }
  void enqueue() {
    EnqueueRequest request = lane_.request(any_lane(), "message " + std::to_string(++messages_));
    request.delay = Milliseconds{pick(4) == 0 ? pick(4) : 0};
    if (pick(10) == 0) request.bury_code = "unparsable";
    if (pick(3) == 0) request.dedupe_keys = {std::to_string(pick(500))};
    if (pick(3) == 0) request.debounce = Debounce{Milliseconds{pick(3)}, Milliseconds{4}, 4};
    const EnqueueResult result = lane_.enqueue(request);
    ids_.push_back(JobId(result.job));
    if (!result.duplicate && request.bury_code.empty()) unseen_.insert(request.payload);
    if (pick(5) == 0) lane_.enqueue(request);
  }
  void step() {
    StepRequest request{shard_of_lane(any_lane()), lane_.worker, ++lane_.last_request, {}, pick(4)};
    for (auto it = held_.begin(); it != held_.end();) {
      if (shard_of_lane(it->lane) == request.shard && pick(2) == 0) {
        CompletedJob completed;
        completed.id = it->id;
        completed.token = it->token;
        completed.messages = it->messages();
        completed.outcome = "replied";
        request.completed.push_back(completed);
        it = held_.erase(it);
      } else {
        ++it;
      }
    }
    StepResult result = lane_.step(request);
    if (pick(4) == 0) result = lane_.step(request);
    for (const Lease& lease : result.leases) look_at(lease);
    held_.insert(held_.end(), result.leases.begin(), result.leases.end());
  }
  void look_at(const Lease& lease) {
    unseen_.erase(lease.payload);
    for (const std::string& more : lease.more_payloads) unseen_.erase(more);
  }
  bool take_held(Lease& lease) {
    if (held_.empty()) return false;
    const auto it = held_.begin() + pick(static_cast<unsigned>(held_.size()));
    lease = *it;
    held_.erase(it);
    return true;
  }
  void fail() {
    Lease lease;
    if (!take_held(lease)) return;
    const auto failure = static_cast<FailureClass>(pick(3));
    const Milliseconds delay{pick(3)};
    lane_.fail(lease, failure, delay);
    if (pick(4) == 0) lane_.fail(lease, failure, delay);
  }
  void intend_or_release() {
    Lease lease;
    if (!take_held(lease)) return;
    if (pick(2) == 0) {
      (void)lane_.store().release(lease);
      return;
    }
    Event unfinished;
    unfinished.channel = conversation_channel(lease.lane);
    unfinished.id = lease.root.str();
    unfinished.name = "message:status";
    unfinished.data = "{}";
    (void)lane_.store().intend(lease, effect_key(lease.root.str()), "text", {}, unfinished);
    held_.push_back(lease);
  }
  void operate() {
    if (ids_.empty()) return;
    const JobId id = ids_[pick(static_cast<unsigned>(ids_.size()))];
    if (pick(3) == 0) return halt_or_resume();
    if (pick(6) == 0) {
      if (lane_.operators().drop(id, {"test", "random"})) dropped_.push_back(id);
    } else if (pick(2) == 0) {
      (void)lane_.store().retry_now(id, "ann", "test");
    } else if (auto replayed = lane_.store().replay(id, pick(2) == 0, "test", "random")) {
      ids_.push_back(*replayed);
    }
  }
  void halt_or_resume() {
    const std::array<HaltTarget, 4> targets{{{},
                                             {HaltScope::kKind, "reply"},
                                             {HaltScope::kConversation, any_lane()},
                                             {HaltScope::kParked, any_lane()}}};
    const HaltTarget& target = targets.at(pick(4));
    const bool global = target.name.empty() || target.scope == HaltScope::kKind;
    if (!global && pick(2) == 0) {
      REQUIRE(lane_.operators().halt(target, {"test", "random"}));
    } else if (global && pick(3) == 0) {
      REQUIRE(lane_.operators().halt(target, {"test", "random"}));
    } else {
      REQUIRE(lane_.operators().resume(target, {"test", "random"}));
    }
  }
  /// Nothing is lost: every job can still be run to its end.
  void drain() {
    const std::vector<Halt> halts = lane_.operators().halts().value();
    for (const Halt& halt : halts) {
      REQUIRE(lane_.operators().resume(halt.target, {"test", "drain"}));
    }
    // What was dropped can still be had.
    for (const JobId& id : dropped_) {
      REQUIRE(lane_.store().replay(id, false, "test", "drain"));
    }
    for (int round = 0; round < 2000; ++round) {
      std::int64_t left = 0;
      for (int i = 0; i < 12; ++i) {
        const std::string lane = "r" + std::to_string(i);
        lane_.beat(lane);
        for (const Lease& lease : lane_.take(lane, 8)) {
          look_at(lease);
          lane_.complete(lease);
        }
      }
      const JobCounts counts = lane_.store().counts().value();
      for (const char* state : {"available", "scheduled", "retryable", "running"}) {
        left += counts.at(state);
      }
      if (left == 0) {
        CHECK(unseen_.empty());
        return lane_.require_sound();
      }
    }
    FAIL("jobs were left over");
  }

  std::mt19937 random_;
  LaneDriver lane_;
  std::vector<Lease> held_;
  std::vector<JobId> ids_;
  std::vector<JobId> dropped_;
  int messages_ = 0;
  std::set<std::string> unseen_;  ///< Payloads taken in that no lease has shown.
};

TEST_CASE("random calls keep the invariant and lose no job", "[jobs][random][redis]") {
  const unsigned seed = GENERATE(1U, 20261121U);
  CAPTURE(seed);
  RandomCalls(seed).run(2500);
}

TEST_CASE("case 26: scripts that Redis forgot are loaded again", "[jobs][redis]") {
  LaneDriver lane;
  lane.enqueue(kLane);
  redis_of(lane).ask({"SCRIPT", "FLUSH"});
  const Lease lease = lane.take_one(kLane);
  redis_of(lane).ask({"SCRIPT", "FLUSH"});
  lane.complete(lease);
  redis_of(lane).ask({"SCRIPT", "FLUSH"});
  lane.enqueue(kLane);
  lane.require_sound();
}

TEST_CASE("case 19: while everything is paused no bell rings twice; the resume rings",
          "[jobs][pause][redis]") {
  LaneDriver lane;
  const std::string bell = keys::bell(shard_of_lane(kLane));
  const auto rung = [&] { return !redis_of(lane).ask({"LPOP", bell}).is_nil(); };
  REQUIRE(lane.operators().halt({}, {"ann", "test"}));
  lane.enqueue(kLane);
  CHECK(rung());
  CHECK(lane.take(kLane).empty());
  lane.beat(kLane);
  CHECK_FALSE(rung());
  REQUIRE(lane.operators().resume({}, {"ann", "test"}));
  CHECK(rung());
}

TEST_CASE("beats finish a resume whose process died", "[jobs][pause][redis]") {
  LaneDriver lane;
  const std::string prefix = keys::prefix(shard_of_lane(kLane));
  lane.enqueue(kLane);
  REQUIRE(lane.operators().halt({HaltScope::kKind, "reply"}, {"ann", "test"}));
  CHECK(lane.take(kLane).empty());
  redis_of(lane).ask({"HDEL", prefix + "halts", "k:reply"});
  redis_of(lane).ask({"HSET", prefix + "halts", "r", "0"});
  CHECK(lane.beat(kLane).ready);
  CHECK(lane.take(kLane).size() == 1);
  CHECK(redis_of(lane).ask({"EXISTS", prefix + "halts"}).integer == 0);
}

TEST_CASE("a replay leaves an audit entry", "[jobs][replay][redis]") {
  LaneDriver lane;
  const std::string id = lane.enqueue(kLane);
  lane.complete(lane.take_one(kLane));
  const JobId replayed = lane.store().replay(JobId(id), false, "ann", "customer asked").value();
  const redis::Reply audit =
      redis_of(lane).ask({"XRANGE", keys::prefix(shard_of_lane(kLane)) + "audit", "-", "+"});
  REQUIRE(audit.items.size() == 1);
  std::vector<std::string> fields;
  for (const redis::Reply& field : audit.at(0).at(1).items) fields.push_back(field.text);
  CHECK(fields == std::vector<std::string>{"verb", "replay", "job", id, "new", replayed.str(),
                                           "again", "0", "actor", "ann", "reason",
                                           "customer asked"});
}

TEST_CASE("many requests at once are each answered, in order", "[jobs][redis]") {
  LaneDriver lane;
  EventProbe<std::string> answers;
  std::vector<std::string> ids;
  for (int i = 0; i < 500; ++i) {
    EnqueueRequest request = lane.request(kLane, std::to_string(i));
    ids.push_back(request.receipt);
    lane.store().enqueue_async(request, [&answers](Result<EnqueueResult> result) {
      answers.push(result ? result->job : result.error().message);
    });
  }
  CHECK(answers.take(ids.size()) == ids);
  const redis::Reply stored =
      redis_of(lane).ask({"LRANGE", keys::prefix(shard_of_lane(kLane)) + "l:" + kLane, "0", "-1"});
  std::vector<std::string> in_lane;
  for (const redis::Reply& id : stored.items) in_lane.push_back(id.text);
  CHECK(in_lane == ids);
  lane.require_sound();
}

TEST_CASE("a waiting job of 200 bytes costs at most 700 bytes of Redis", "[jobs][redis]") {
  LaneDriver lane;
  constexpr int kJobs = 4000;
  std::mt19937 random(7);
  std::string payload;
  for (int i = 0; i < 200; ++i) payload += static_cast<char>('a' + random() % 26);
  const auto used = [&] {
    const std::string info = redis_of(lane).ask({"INFO", "memory"}).text;
    return std::stoll(info.substr(info.find("used_memory_dataset:") + 20));
  };
  const auto before = used();
  EventProbe<bool> answers;
  for (int i = 0; i < kJobs; ++i) {
    EnqueueRequest request = lane.request("conversation-" + std::to_string(i), payload);
    request.dedupe_keys = {"delivery:" + std::to_string(i)};
    lane.store().enqueue_async(request, [&](auto result) { answers.push(result.has_value()); });
  }
  REQUIRE(answers.take(kJobs).size() == kJobs);
  const auto bytes = (used() - before) / kJobs;
  CAPTURE(bytes);
  CHECK(bytes <= 700);
}

}  // namespace
}  // namespace deskwire::testing
