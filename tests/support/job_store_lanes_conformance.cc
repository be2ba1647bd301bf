// Conformance of a JobStore: lanes, leases, retries, time.
#include "core/channel.h"
#include "core/ids.h"
#include "tests/support/catch.h"
#include "tests/support/job_store_conformance.h"

namespace deskwire::testing {
namespace {

using namespace jobs;

const std::string kLane = "42";
constexpr Milliseconds kShortLease{60};

LaneLimits short_lease() {
  LaneLimits limits;
  limits.lease = kShortLease;
  return limits;
}

TEST_CASE("a job is leased with all that was enqueued and completed once", "[jobs][lane]") {
  LaneDriver lane;
  const std::string payload = std::string("binary \0\xff and 9007199254740993", 31);
  const std::string id = lane.enqueue(kLane, payload);
  REQUIRE(lane.job(id).state == JobState::kAvailable);

  const Lease lease = lane.take_one(kLane);
  CHECK(lease.id.str() == id);
  CHECK(lease.payload == payload);
  CHECK(lease.kind == "reply");
  CHECK(lease.lane == kLane);
  CHECK(lease.root == lease.id);
  CHECK(lease.attempt == 1);
  CHECK(lease.max_attempts == 3);
  CHECK(lease.token > 0);
  CHECK(lease.leased_at_ms >= lease.created_at_ms);
  CHECK(lane.take(kLane).empty());
  CHECK(lane.job(id).state == JobState::kRunning);
  CHECK(lane.job(id).worker == "w-test");

  lane.complete(lease, "skipped:answered_by_human");
  const Job job = lane.job(id);
  CHECK(job.state == JobState::kCompleted);
  CHECK(job.outcome == "skipped:answered_by_human");
  CHECK(job.finished_at_ms >= job.created_at_ms);
  CHECK(lane.take(kLane).empty());
  lane.require_sound();
}

TEST_CASE("case 30: payloads of any size come back as they were", "[jobs][payload]") {
  LaneDriver lane;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{1024},
                                 std::size_t{1025}, std::size_t{200'000}}) {
    std::string payload;
    for (std::size_t i = 0; i < size; ++i) payload += static_cast<char>('a' + (i * i) % 23);
    lane.enqueue(kLane, payload);
    const Lease lease = lane.take_one(kLane);
    CHECK(lease.payload == payload);
    lane.complete(lease);
  }
  LaneLimits limits;
  LaneDriver small(limits);
  const auto refused =
      small.store().enqueue(small.request(kLane, std::string(limits.max_payload_bytes + 1, 'x')));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kTooLarge);
}

TEST_CASE("a lane runs one job at a time, in order; lanes do not wait for each other",
          "[jobs][lane]") {
  LaneDriver lane;
  const std::string other = lane_beside(0);
  const std::string first = lane.enqueue(kLane);
  const std::string second = lane.enqueue(kLane);
  const std::string beside = lane.enqueue(other);

  const std::vector<Lease> leases = lane.take(kLane, 10);
  REQUIRE(leases.size() == 2);
  CHECK(leases[0].id.str() == first);
  CHECK(leases[1].id.str() == beside);
  CHECK(lane.take(kLane, 10).empty());
  lane.complete(leases[0]);
  CHECK(lane.take_one(kLane).id.str() == second);
  lane.require_sound();
}

TEST_CASE("completing and fetching the next job is one step", "[jobs][step]") {
  LaneDriver lane;
  lane.enqueue(kLane);
  const std::string second = lane.enqueue(kLane);
  const Lease lease = lane.take_one(kLane);
  CompletedJob completed;
  completed.id = lease.id;
  completed.token = lease.token;
  completed.outcome = "replied";
  const StepResult result =
      lane.step({shard_of_lane(kLane), lane.worker, ++lane.last_request, {completed}, 1});
  REQUIRE(result.leases.size() == 1);
  CHECK(result.leases[0].id.str() == second);
  CHECK(result.leases[0].token > lease.token);
}

TEST_CASE("case 4: a repeated step gets the stored answer", "[jobs][step]") {
  LaneDriver lane;
  lane.enqueue(kLane);
  lane.enqueue(lane_beside(0));
  const StepRequest request{shard_of_lane(kLane), lane.worker, 7, {}, 1};
  const StepResult first = lane.step(request);
  const StepResult again = lane.step(request);
  REQUIRE(first.leases.size() == 1);
  REQUIRE(again.leases.size() == 1);
  CHECK(again.leases[0].id == first.leases[0].id);
  CHECK(again.leases[0].token == first.leases[0].token);
  CHECK(again.leases[0].payload == first.leases[0].payload);
  CHECK(again.leases[0].attempt == 1);

  const StepResult other_worker = lane.step({shard_of_lane(kLane), WorkerId("w-2"), 7, {}, 1});
  REQUIRE(other_worker.leases.size() == 1);
  CHECK(other_worker.leases[0].id != first.leases[0].id);

  const auto older = lane.store().step({shard_of_lane(kLane), lane.worker, 6, {}, 1});
  REQUIRE_FALSE(older);
  CHECK(older.error().code == ErrorCode::kConflict);
}

TEST_CASE("a repeated completion is not stale and completes nothing twice", "[jobs][step]") {
  LaneDriver lane;
  lane.enqueue(kLane);
  lane.enqueue(kLane);
  const Lease lease = lane.take_one(kLane);
  lane.complete(lease);
  lane.complete(lease);
  CHECK(lane.take(kLane).size() == 1);
  CHECK(lane.harness().finished_kept() == 1);
}

TEST_CASE("case 1, case 5: a lease that was lost can do nothing any more", "[jobs][lease]") {
  LaneDriver lane(short_lease());
  const std::string id = lane.enqueue(kLane);
  const Lease lost = lane.take_one(kLane);
  lane.harness().pass(kShortLease);
  REQUIRE(lane.beat(kLane).reclaimed == 1);
  const Lease held = lane.take_one(kLane);
  REQUIRE(held.token > lost.token);
  CHECK(held.crashes == 1);
  CHECK(held.attempt == 1);

  CompletedJob completed;
  completed.id = lost.id;
  completed.token = lost.token;
  completed.outcome = "replied";
  CHECK(lane.complete(completed, kLane).stale == std::vector<JobId>{lost.id});
  CHECK(lane.fail(lost, FailureClass::kPermanent).stale);
  CHECK(lane.store().release(lost).error().code == ErrorCode::kStale);
  const auto intent = lane.store().intend(lost, "fx", "text", {}, {});
  REQUIRE_FALSE(intent);
  CHECK(intent.error().code == ErrorCode::kStale);
  const auto beat = lane.store().beat({shard_of_lane(kLane), lane.worker, {{lost.id, lost.token}}});
  REQUIRE(beat);
  CHECK(beat->lost == std::vector<JobId>{lost.id});
  CHECK(lane.job(id).state == JobState::kRunning);
  lane.complete(held);
}

TEST_CASE("a lease is not reclaimed before its time, and renewals keep it", "[jobs][lease]") {
  LaneLimits limits;
  limits.lease = Milliseconds{400};
  LaneDriver lane(limits);
  lane.enqueue(kLane);
  const Lease lease = lane.take_one(kLane);
  CHECK(lane.beat(kLane).reclaimed == 0);
  for (int i = 0; i < 4; ++i) {
    const auto beat =
        lane.store().beat({shard_of_lane(kLane), lane.worker, {{lease.id, lease.token}}});
    REQUIRE(beat);
    CHECK(beat->lost.empty());
    CHECK(beat->reclaimed == 0);
    lane.harness().pass(Milliseconds{150});
  }
  lane.complete(lease);
}

TEST_CASE("reclaimed lanes come first in line, the longest expired one before the others",
          "[jobs][lease]") {
  LaneDriver lane(short_lease());
  const std::string first = lane.enqueue(kLane);
  lane.take_one(kLane);
  lane.harness().pass(Milliseconds{3});
  const std::string second = lane.enqueue(lane_beside(0));
  lane.take_one(kLane);
  lane.enqueue(lane_beside(1));
  lane.harness().pass(kShortLease);
  REQUIRE(lane.beat(kLane).reclaimed == 2);
  CHECK(lane.take_one(kLane).id.str() == first);
  CHECK(lane.take_one(kLane).id.str() == second);
  lane.require_sound();
}

TEST_CASE("case 11: a head that retries keeps its lane in order", "[jobs][retry]") {
  LaneDriver lane;
  const std::string first = lane.enqueue(kLane);
  const std::string second = lane.enqueue(kLane);
  Lease lease = lane.take_one(kLane);
  REQUIRE_FALSE(lane.fail(lease, FailureClass::kRetryable, Milliseconds{1}, "rate").dead);
  CHECK(lane.job(first).state == JobState::kRetryable);
  CHECK(lane.job(first).error_code == "rate");
  const std::string third = lane.enqueue(kLane);
  lane.require_sound();

  lane.harness().pass(Milliseconds{5});
  CHECK(lane.beat(kLane).promoted == 1);
  lease = lane.take_one(kLane);
  CHECK(lease.id.str() == first);
  CHECK(lease.attempt == 2);
  lane.complete(lease);
  for (const std::string& next : {second, third}) {
    lease = lane.take_one(kLane);
    CHECK(lease.id.str() == next);
    lane.complete(lease);
  }
}

TEST_CASE("a failed job waits until it is due and no longer", "[jobs][retry]") {
  LaneDriver lane;
  lane.enqueue(kLane);
  const Lease lease = lane.take_one(kLane);
  lane.fail(lease, FailureClass::kRetryable, Milliseconds{3'600'000});
  const BeatResult beat = lane.beat(kLane);
  CHECK(beat.promoted == 0);
  CHECK_FALSE(beat.ready);
  CHECK(beat.oldest_due_ms == 0);
  CHECK(beat.next_due_ms > beat.now_ms + 3'500'000);
  CHECK(lane.take(kLane).empty());
  CHECK_FALSE(lane.fail(lease, FailureClass::kRetryable).stale);
  lane.require_sound();
}

TEST_CASE("attempts that are used up bury the job, deferred ones are not counted",
          "[jobs][retry]") {
  LaneDriver lane;
  EnqueueRequest request = lane.request(kLane);
  request.kind = "other";
  const std::string id = lane.enqueue(request).job;
  for (int attempt = 1; attempt <= 3; ++attempt) {
    for (int deferral = 0; deferral < 2; ++deferral) {
      const Lease deferred = lane.take_one(kLane);
      CHECK(deferred.attempt == attempt);
      REQUIRE_FALSE(lane.fail(deferred, FailureClass::kDeferred).dead);
      lane.beat(kLane);
    }
    const Lease lease = lane.take_one(kLane);
    CHECK(lease.attempt == attempt);
    CHECK(lane.fail(lease, FailureClass::kRetryable).dead == (attempt == 3));
    lane.beat(kLane);
  }
  CHECK(lane.job(id).state == JobState::kDead);
  CHECK(lane.take(kLane).empty());
  lane.require_sound();
}

TEST_CASE("a dead reply is followed by a hand-off at the end of its lane", "[jobs][dead]") {
  LaneDriver lane;
  const std::string id = lane.enqueue(kLane, "what was asked");
  const std::string next = lane.enqueue(kLane);
  REQUIRE(lane.fail(lane.take_one(kLane), FailureClass::kPermanent).dead);
  CHECK(lane.job(id).state == JobState::kDead);
  CHECK(lane.job(id).error_message == "it did not work");

  Lease lease = lane.take_one(kLane);
  CHECK(lease.id.str() == next);
  lane.complete(lease);
  lease = lane.take_one(kLane);
  CHECK(lease.kind == "handoff");
  CHECK(lease.payload == "what was asked");
  CHECK(lane.job(lease.id.str()).parent.str() == id);
  CHECK(shard_of_job(lease.id).value() == shard_of_lane(kLane));
  REQUIRE(lane.fail(lease, FailureClass::kPermanent).dead);
  CHECK(lane.take(kLane).empty());
  lane.require_sound();
}

TEST_CASE("case 10: a job whose leases keep running out is poison: buried with a hand-off",
          "[jobs][dead]") {
  LaneDriver lane(short_lease());
  const std::string id = lane.enqueue(kLane);
  for (int crash = 1; crash <= 3; ++crash) {
    const Lease lease = lane.take_one(kLane);
    CHECK(lease.crashes == crash - 1);
    lane.harness().pass(kShortLease);
    const BeatResult beat = lane.beat(kLane);
    CHECK(beat.reclaimed == (crash < 3 ? 1 : 0));
    CHECK(beat.buried == (crash < 3 ? 0 : 1));
    CHECK(beat.ready);
  }
  const Job job = lane.job(id);
  CHECK(job.state == JobState::kDead);
  CHECK(job.error_code == "poison");
  CHECK(job.crashes == 3);
  CHECK(lane.take_one(kLane).kind == "handoff");
  lane.require_sound();
}

TEST_CASE("a released lease is unpunished and first in line", "[jobs][lease]") {
  LaneDriver lane;
  const std::string id = lane.enqueue(kLane);
  const Lease lease = lane.take_one(kLane);
  lane.enqueue(lane_beside(0));
  REQUIRE(lane.store().release(lease));
  CHECK(lane.job(id).state == JobState::kAvailable);
  CHECK(lane.job(id).attempt == 0);
  const Lease again = lane.take_one(kLane);
  CHECK(again.id.str() == id);
  CHECK(again.attempt == 1);
  CHECK(again.crashes == 0);
  lane.require_sound();
}

TEST_CASE("delayed jobs keep the order of their lane", "[jobs][delay]") {
  LaneDriver lane;
  EnqueueRequest slow = lane.request(kLane);
  slow.delay = Milliseconds{30};
  const std::string first = lane.enqueue(slow).job;
  const std::string second = lane.enqueue(kLane);
  CHECK(lane.job(first).state == JobState::kScheduled);
  CHECK(lane.take(kLane).empty());
  CHECK(lane.beat(kLane).next_due_ms > 0);
  lane.require_sound();
  lane.harness().pass(Milliseconds{30});
  REQUIRE(lane.beat(kLane).promoted == 1);
  Lease lease = lane.take_one(kLane);
  CHECK(lease.id.str() == first);
  lane.complete(lease);
  CHECK(lane.take_one(kLane).id.str() == second);
}

TEST_CASE("a delayed job behind another one waits for both", "[jobs][delay]") {
  LaneDriver lane;
  lane.enqueue(kLane);
  EnqueueRequest slow = lane.request(kLane);
  slow.delay = Milliseconds{3'600'000};
  const std::string id = lane.enqueue(slow).job;
  lane.complete(lane.take_one(kLane));
  CHECK(lane.take(kLane).empty());
  CHECK(lane.job(id).state == JobState::kScheduled);
  lane.require_sound();
  REQUIRE(lane.store().retry_now(JobId(id), "ann", "test"));
  CHECK(lane.take_one(kLane).id.str() == id);
  lane.require_sound();
}

TEST_CASE("the first job in line tells how long the queue waits", "[jobs][beat]") {
  LaneDriver lane;
  CHECK(lane.beat(kLane).oldest_due_ms == 0);
  const std::string id = lane.enqueue(kLane);
  lane.enqueue(lane_beside(0));
  const BeatResult beat = lane.beat(kLane);
  CHECK(beat.ready);
  CHECK(beat.oldest_due_ms == lane.job(id).created_at_ms);
}

TEST_CASE("case 30: finished jobs are kept as long and as many as configured",
          "[jobs][retention]") {
  LaneLimits limits;
  limits.completed_max = 3;
  LaneDriver lane(limits);
  std::string newest;
  for (int i = 0; i < 8; ++i) {
    newest = lane.enqueue(kLane);
    lane.complete(lane.take_one(kLane));
    lane.harness().pass(Milliseconds{2});
  }
  lane.beat(kLane);
  CHECK(lane.harness().finished_kept() == 3);
  CHECK(lane.job(newest).state == JobState::kCompleted);

  limits.completed_max_age_s = 0;
  limits.dead_max_age_s = 0;
  LaneDriver strict(limits);
  strict.enqueue(kLane);
  strict.complete(strict.take_one(kLane));
  EnqueueRequest dead = strict.request(kLane);
  dead.bury_code = "unparsable";
  const std::string id = strict.enqueue(dead).job;
  strict.harness().pass(Milliseconds{2});
  strict.beat(kLane);
  CHECK(strict.harness().finished_kept() == 0);
  CHECK(strict.store().get(JobId(id)).error().code == ErrorCode::kNotFound);
}

}  // namespace
}  // namespace deskwire::testing
