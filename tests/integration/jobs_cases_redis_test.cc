// Cases of tests/CASES.md that no other suite shows: many callers at once, many jobs, lost scripts.
#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include "core/channel.h"
#include "core/ids.h"
#include "tests/support/catch.h"
#include "tests/support/event_probe.h"
#include "tests/support/redis_job_harness.h"

namespace deskwire::testing {
namespace {

using namespace jobs;

const std::string kLane = "42";

RedisJobHarness& redis_of(LaneDriver& lane) {
  return static_cast<RedisJobHarness&>(lane.harness());
}

TEST_CASE("case 13: a lane of ten thousand jobs does not starve the others",
          "[jobs][cases][redis]") {
  LaneDriver lane;
  EventProbe<bool> taken_in;
  const int many = static_cast<int>(LaneLimits{}.max_lane_jobs);
  for (int i = 0; i < many; ++i) {
    lane.store().enqueue_async(lane.request(kLane),
                               [&](auto result) { taken_in.push(result.has_value()); });
  }
  REQUIRE(taken_in.take(static_cast<std::size_t>(many)).size() == LaneLimits{}.max_lane_jobs);
  const std::string other = lane_beside(0);
  for (int i = 0; i < 3; ++i) lane.enqueue(other);
  int turns_of_other = 0;
  for (int i = 0; i < 6; ++i) {
    const Lease lease = lane.take_one(kLane);
    if (lease.lane == other) ++turns_of_other;
    lane.complete(lease);
  }
  CHECK(turns_of_other == 3);
}

TEST_CASE("case 20: one delivery through eight receivers at once makes one job",
          "[jobs][cases][redis]") {
  LaneDriver lane;
  constexpr int kReceivers = 8;
  constexpr int kDeliveries = 50;
  std::vector<std::set<std::string>> jobs(kDeliveries);
  std::atomic<int> firsts{0};
  Mutex mutex;
  std::vector<std::thread> receivers;
  for (int i = 0; i < kReceivers; ++i) {
    receivers.emplace_back([&] {
      for (std::size_t n = 0; n < kDeliveries; ++n) {
        EnqueueRequest request = lane.request(kLane);
        request.dedupe_keys = {"delivery:" + std::to_string(n), "event:" + std::to_string(n)};
        const auto result = lane.store().enqueue(request);
        if (!result) continue;
        if (!result->duplicate) ++firsts;
        const MutexLock lock(mutex);
        jobs[n].insert(result->job);
      }
    });
  }
  for (std::thread& receiver : receivers) receiver.join();
  CHECK(firsts == kDeliveries);
  for (const auto& ids : jobs) CHECK(ids.size() == 1);
  lane.require_sound();
}

TEST_CASE("case 20: a refused delivery leaves nothing behind that would refuse it again",
          "[jobs][cases][redis]") {
  LaneLimits limits;
  limits.max_lane_jobs = 1;
  LaneDriver lane(limits);
  lane.enqueue(kLane);
  EnqueueRequest request = lane.request(kLane);
  request.dedupe_keys = {"delivery:1"};
  REQUIRE_FALSE(lane.store().enqueue(request));
  lane.complete(lane.take_one(kLane));
  const EnqueueResult taken = lane.enqueue(request);
  CHECK_FALSE(taken.duplicate);
  CHECK(lane.take_one(kLane).id.str() == taken.job);
}

TEST_CASE("case 26: scripts that are forgotten inside a pipeline cost no call",
          "[jobs][cases][redis]") {
  LaneDriver lane;
  EventProbe<std::string> answers;
  std::vector<std::string> ids;
  for (int i = 0; i < 300; ++i) {
    if (i % 50 == 25) {
      redis_of(lane).client().submit({"SCRIPT", "FLUSH"}, [](auto) {});
    }
    EnqueueRequest request = lane.request(kLane);
    ids.push_back(request.receipt);
    lane.store().enqueue_async(request, [&answers](Result<EnqueueResult> result) {
      answers.push(result ? result->job : result.error().message);
    });
  }
  std::vector<std::string> made = answers.take(ids.size());
  CHECK(std::set<std::string>(made.begin(), made.end()) ==
        std::set<std::string>(ids.begin(), ids.end()));
  for (const std::string& id : ids) {
    const Lease lease = lane.take_one(kLane);
    CHECK(lease.id.str() == id);
    lane.complete(lease);
  }
  lane.require_sound();
}

TEST_CASE("case 29: a list taken while jobs move shows every job once", "[jobs][cases][redis]") {
  LaneDriver lane;
  std::set<std::string> dead;
  for (int i = 0; i < 200; ++i) {
    EnqueueRequest request = lane.request("dead-" + std::to_string(i));
    request.bury_code = "unparsable";
    dead.insert(lane.enqueue(request).job);
  }
  std::atomic<bool> goes_on{true};
  std::thread worker([&] {
    const WorkerId other("w-other");
    for (std::uint64_t number = 1; goes_on; ++number) {
      (void)lane.store().enqueue(lane.request(kLane));
      StepRequest request{shard_of_lane(kLane), other, 2 * number, {}, 1};
      const auto leased = lane.store().step(request);
      if (!leased || leased->leases.empty()) continue;
      FailRequest failed;
      failed.lease = leased->leases.front();
      failed.failure = FailureClass::kPermanent;
      failed.error_code = "moved";
      (void)lane.store().fail(failed);
    }
  });
  JobFilter everything;
  everything.limit = 1'000'000;
  for (int i = 0; i < 20; ++i) {
    const auto jobs = lane.store().list(everything);
    CHECK(jobs.has_value());
    if (!jobs) break;
    std::set<std::string> listed;
    for (const Job& job : *jobs) listed.insert(job.id.str());
    CHECK(listed.size() == jobs->size());
    CHECK(std::includes(listed.begin(), listed.end(), dead.begin(), dead.end()));
  }
  goes_on = false;
  worker.join();
  CHECK(lane.store().list(everything).value().size() >= dead.size());
}

TEST_CASE("case 29: a replay of nothing, of a live job, and one that is asked for twice",
          "[jobs][cases][redis]") {
  LaneDriver lane;
  const JobId missing = new_job_id(SystemClock().wall_ms(), shard_of_lane(kLane));
  CHECK(lane.store().replay(missing, false, "ann", "").error().code == ErrorCode::kNotFound);
  const std::string id = lane.enqueue(kLane);
  CHECK(lane.store().replay(JobId(id), false, "ann", "").error().code == ErrorCode::kConflict);
  const Lease running = lane.take_one(kLane);
  CHECK(lane.store().replay(JobId(id), false, "ann", "").error().code == ErrorCode::kConflict);
  lane.complete(running);
  const JobId replayed = lane.store().replay(JobId(id), false, "ann", "").value();
  CHECK(lane.store().replay(JobId(id), false, "ben", "").value() == replayed);
  CHECK(lane.take(kLane, 10).size() == 1);
  lane.require_sound();
}

}  // namespace
}  // namespace deskwire::testing
