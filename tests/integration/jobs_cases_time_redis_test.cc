// Cases of tests/CASES.md that are about leases and time, on a server whose clock the test moves.
#include <atomic>
#include <thread>

#include "core/channel.h"
#include "core/ids.h"
#include "jobs/keys.h"
#include "tests/support/catch.h"
#include "tests/support/timed_redis_harness.h"

namespace deskwire::testing {
namespace {

using namespace jobs;

const std::string kLane = "42";
constexpr Milliseconds kLease{10000};
constexpr Milliseconds kHour{3'600'000};

/// A driver, and the harness that it drives.
struct Timed {
  explicit Timed(std::int64_t begin_ms = SystemClock().wall_ms())
      : Timed(std::make_unique<TimedRedisHarness>(LaneLimits{}, begin_ms)) {}
  explicit Timed(std::unique_ptr<TimedRedisHarness> made) : harness(*made), lane(std::move(made)) {}

  BeatResult beat(const std::vector<Lease>& renew = {}) {
    BeatRequest request{shard_of_lane(kLane), lane.worker, {}};
    for (const Lease& lease : renew) request.renew.push_back({lease.id, lease.token});
    const auto result = lane.store().beat(request);
    REQUIRE(result);
    return *result;
  }
  std::string enqueue_delayed(const std::string& in, Milliseconds delay) {
    EnqueueRequest request = lane.request(in);
    request.delay = delay;
    return lane.enqueue(request).job;
  }

  TimedRedisHarness& harness;
  LaneDriver lane;
};

TEST_CASE("case 6: renewals for ten times its length keep a lease exclusive",
          "[jobs][cases][redis]") {
  Timed timed;
  const std::string id = timed.lane.enqueue(kLane);
  const Lease lease = timed.lane.take_one(kLane);
  for (Milliseconds passed{0}; passed < 10 * kLease; passed += kLease / 2) {
    timed.harness.pass(kLease / 2);
    const BeatResult beat = timed.beat({lease});
    REQUIRE(beat.lost.empty());
    REQUIRE(beat.reclaimed == 0);
    REQUIRE(timed.lane.take(kLane).empty());
  }
  timed.lane.complete(lease);
  CHECK(timed.lane.job(id).crashes == 0);
  timed.lane.require_sound();
}

TEST_CASE("case 8: a completion and the reaper at the same moment: whoever comes first decides",
          "[jobs][cases][redis]") {
  Timed timed;
  const std::string id = timed.lane.enqueue(kLane);
  const Lease lease = timed.lane.take_one(kLane);
  timed.harness.pass(kLease);

  SECTION("completed stays completed") {
    timed.lane.complete(lease);
    CHECK(timed.beat().reclaimed == 0);
    CHECK(timed.lane.job(id).state == JobState::kCompleted);
    CHECK(timed.lane.take(kLane).empty());
  }
  SECTION("the attempt after it is not reclaimed for the lease before") {
    CHECK(timed.beat().reclaimed == 1);
    const Lease second = timed.lane.take_one(kLane);
    CHECK(timed.beat().reclaimed == 0);
    CHECK(timed.lane.job(id).crashes == 1);
    CompletedJob late;
    late.id = lease.id;
    late.token = lease.token;
    late.outcome = "replied";
    CHECK(timed.lane.complete(late, kLane).stale == std::vector<JobId>{lease.id});
    CHECK(timed.lane.job(id).state == JobState::kRunning);
    timed.lane.complete(second);
  }
  timed.lane.require_sound();
}

TEST_CASE("case 9: ten thousand leases of nothing hide no expired one", "[jobs][cases][redis]") {
  Timed timed;
  const std::string id = timed.lane.enqueue(kLane);
  timed.lane.take_one(kLane);
  redis::Command garbage{"ZADD", keys::prefix(shard_of_lane(kLane)) + "lease"};
  for (int i = 0; i < 10000; ++i) {
    garbage.push_back("1");
    garbage.push_back("nothing-" + std::to_string(i));
  }
  timed.harness.ask(garbage);
  timed.harness.pass(kLease);
  int beats = 0;
  while (timed.beat().reclaimed == 0 && beats < 200) ++beats;
  CAPTURE(beats);
  CHECK(timed.lane.take_one(kLane).id.str() == id);
  timed.lane.require_sound();
}

TEST_CASE("case 14: delayed jobs of one lane that are due at the same time keep their order",
          "[jobs][cases][redis]") {
  Timed timed;
  std::vector<std::string> ids;
  for (int i = 0; i < 20; ++i) ids.push_back(timed.enqueue_delayed(kLane, kHour));
  timed.harness.pass(kHour);
  CHECK(timed.beat().promoted == 1);
  for (const std::string& id : ids) {
    const Lease lease = timed.lane.take_one(kLane);
    CHECK(lease.id.str() == id);
    timed.lane.complete(lease);
  }
  timed.lane.require_sound();
}

TEST_CASE("case 15: a short delay that comes after a year's is on time", "[jobs][cases][redis]") {
  Timed timed;
  timed.enqueue_delayed(lane_beside(0), 365 * 24 * kHour);
  const std::int64_t far = timed.beat().next_due_ms;
  const std::string prefix = keys::prefix(shard_of_lane(kLane));
  timed.harness.ask({"DEL", prefix + "bell"});
  const std::string id = timed.enqueue_delayed(kLane, Milliseconds{5});
  // Whoever sleeps until the far one has to hear of it.
  CHECK(timed.harness.ask({"LLEN", prefix + "bell"}).integer == 1);
  CHECK(timed.beat().next_due_ms == timed.harness.server_now_ms() + 5);
  CHECK(timed.beat().next_due_ms < far);
  timed.harness.pass(Milliseconds{5});
  CHECK(timed.beat().promoted == 1);
  CHECK(timed.lane.take_one(kLane).id.str() == id);
}

TEST_CASE("case 16: many workers start no delayed job early, and each once",
          "[jobs][cases][redis]") {
  Timed timed;
  constexpr int kJobs = 40;
  constexpr int kWorkers = 8;
  for (int i = 0; i < kJobs; ++i) timed.enqueue_delayed(lane_beside(i), Milliseconds{1000 + i});
  const auto all_take = [&] {
    std::atomic<int> taken{0};
    std::vector<std::thread> workers;
    for (int i = 0; i < kWorkers; ++i) {
      workers.emplace_back([&, worker = WorkerId("w-" + std::to_string(i))] {
        const int shard = shard_of_lane(kLane);
        static std::atomic<std::uint64_t> requests{0};
        (void)timed.lane.store().beat({shard, worker, {}});
        const auto step = timed.lane.store().step({shard, worker, ++requests, {}, kJobs});
        if (step) taken += static_cast<int>(step->leases.size());
      });
    }
    for (std::thread& worker : workers) worker.join();
    return taken.load();
  };
  timed.harness.pass(Milliseconds{999});
  CHECK(all_take() == 0);
  timed.harness.pass(Milliseconds{kJobs / 2});
  CHECK(all_take() == kJobs / 2);
  timed.harness.pass(Milliseconds{kJobs});
  CHECK(all_take() == kJobs / 2);
  CHECK(all_take() == 0);
}

TEST_CASE("case 17: a server clock that differs by five minutes changes no delay and no lease",
          "[jobs][cases][redis]") {
  const int minutes = GENERATE(-5, 5);
  CAPTURE(minutes);
  Timed timed(SystemClock().wall_ms() + minutes * 60'000);
  const std::string id = timed.enqueue_delayed(kLane, Milliseconds{60'000});
  CHECK(timed.lane.job(id).due_at_ms == timed.harness.server_now_ms() + 60'000);
  timed.harness.pass(Milliseconds{59'999});
  CHECK(timed.beat().promoted == 0);
  timed.harness.pass(Milliseconds{1});
  CHECK(timed.beat().promoted == 1);

  const MonotonicTime asked = SystemClock().monotonic();
  const Lease lease = timed.lane.take_one(kLane);
  // The worker's own deadline is by its own clock, however wrong the server's is.
  CHECK(lease.local_deadline > asked);
  CHECK(lease.local_deadline < SystemClock().monotonic() + kLease);
  timed.harness.pass(kLease - Milliseconds{1});
  CHECK(timed.beat().reclaimed == 0);
  timed.harness.pass(Milliseconds{1});
  CHECK(timed.beat().reclaimed == 1);
}

TEST_CASE("case 20: a delivery is known again over midnight", "[jobs][cases][redis]") {
  constexpr std::int64_t kMidnight = 1795305600000;
  Timed timed(kMidnight - 1000);
  EnqueueRequest request = timed.lane.request(kLane);
  request.dedupe_keys = {"delivery:1"};
  const std::string id = timed.lane.enqueue(request).job;
  const auto again = [&] {
    request.receipt = timed.lane.request(kLane).receipt;
    return timed.lane.enqueue(request);
  };
  timed.harness.pass(Milliseconds{2000});
  CHECK(again().duplicate);
  timed.lane.complete(timed.lane.take_one(kLane));
  CHECK(again().duplicate);
  CHECK(again().job == id);
  timed.harness.pass(72 * kHour);
  CHECK_FALSE(again().duplicate);
}

}  // namespace
}  // namespace deskwire::testing
