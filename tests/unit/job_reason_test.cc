// What `deskwire jobs why` says, on prepared situations of a store in memory.
#include "cli/job_reason.h"

#include "core/channel.h"
#include "jobs/memory_job_store.h"
#include "tests/support/catch.h"
#include "tests/support/manual_clock.h"

using namespace deskwire;

namespace {

constexpr std::int64_t kTwoPm = 1795269600000;  // 2026-11-21 14:00:00 UTC
const std::string kLane = "42";

/// One conversation, and what `why` says about it.
class Situation {
 public:
  explicit Situation(bool park_dead_heads = false) : store(clock, limits(park_dead_heads)) {}

  std::string enqueue(Milliseconds delay = Milliseconds{0}, const std::string& kind = "reply") {
    jobs::EnqueueRequest request;
    request.lane = kLane;
    request.receipt = new_job_id(clock.wall_ms(), shard_of_lane(kLane)).str();
    request.kind = kind;
    request.payload = "{}";
    request.delay = delay;
    return store.enqueue(request)->job;
  }
  jobs::Lease take() {
    return store.step({shard_of_lane(kLane), WorkerId("w-7"), ++request_, {}, 1})->leases.at(0);
  }
  void fail(const std::string& code, jobs::FailureClass failure, Milliseconds delay) {
    jobs::FailRequest request;
    request.lease = take();
    request.error_code = code;
    request.failure = failure;
    request.delay = delay;
    REQUIRE(store.fail(request));
  }
  void complete(const std::string& outcome) {
    const jobs::Lease lease = take();
    jobs::CompletedJob completed;
    completed.id = lease.id;
    completed.token = lease.token;
    completed.outcome = outcome;
    REQUIRE(store.step({shard_of_lane(kLane), WorkerId("w-7"), ++request_, {completed}, 0}));
  }
  void halt(const jobs::HaltTarget& target) {
    REQUIRE(store.halt(target, {"ann", "the model is down"}));
  }
  cli::JobReason why() {
    return cli::reason_of_conversation(store.look(kLane, {}).value(),
                                       store.last_finished(kLane).value());
  }
  cli::JobReason why(const std::string& job) {
    return cli::reason_of_job(store.get(JobId(job)).value(), store.look(kLane, JobId(job)).value());
  }

  testing::ManualClock clock{kTwoPm};
  jobs::MemoryJobStore store;

 private:
  static jobs::LaneLimits limits(bool park_dead_heads) {
    jobs::LaneLimits limits;
    limits.park_dead_heads = park_dead_heads;
    return limits;
  }
  std::uint64_t request_ = 0;
};

}  // namespace

TEST_CASE("why: a retry says which attempt, when, and after what", "[cli][why]") {
  Situation now;
  now.enqueue();
  now.fail("rate_limited", jobs::FailureClass::kDeferred, Milliseconds{131000});
  now.clock.advance(Milliseconds{91000});
  CHECK(now.why().state == "waiting");
  CHECK(now.why().why ==
        "waiting: attempt 1 of 8 at 14:02:11Z (in 40 s), after rate_limited (the helpdesk asked us "
        "to slow down)");
}

TEST_CASE("why: a running job says for how long, where, and until when it is held", "[cli][why]") {
  Situation now;
  now.enqueue();
  now.enqueue();
  now.take();
  now.clock.advance(Milliseconds{3000});
  CHECK(now.why().state == "running");
  CHECK(now.why().why ==
        "running for 3 s on worker w-7, attempt 1 of 8; lease until 14:00:10Z, renewed while it "
        "lives; 1 more behind it");
}

TEST_CASE("why: a worker that died is said to be gone", "[cli][why]") {
  Situation now;
  now.enqueue();
  now.take();
  now.clock.advance(Milliseconds{12000});
  CHECK(now.why().why ==
        "its worker w-7 is gone: the lease ended 2 s ago, and another worker takes over within "
        "seconds");
}

TEST_CASE("why: a pause says what, since when, by whom, why, and how it ends", "[cli][why]") {
  Situation now;
  now.enqueue();
  const bool set_aside = GENERATE(false, true);
  now.halt({jobs::HaltScope::kKind, "reply"});
  if (set_aside) REQUIRE(now.store.step({shard_of_lane(kLane), WorkerId("w"), 1, {}, 1}));
  now.clock.advance(Milliseconds{300000});
  CHECK(now.why().state == "paused");
  CHECK(now.why().why ==
        "paused (jobs of kind reply) since 14:00:00Z (5 min ago) by ann: the model is down; run "
        "`deskwire jobs resume --kind reply`");
}

TEST_CASE("why: a pause of everything goes before the narrower ones", "[cli][why]") {
  Situation now;
  now.enqueue();
  now.halt({jobs::HaltScope::kConversation, kLane});
  now.halt({});
  CHECK(now.why().why ==
        "paused (everything) since 14:00:00Z (now) by ann: the model is down; run "
        "`deskwire jobs resume --all`");
}

TEST_CASE("why: a parked conversation says so, also before anything waits", "[cli][why]") {
  Situation now;
  now.halt({jobs::HaltScope::kParked, kLane});
  CHECK(now.why().state == "idle");
  CHECK(now.why().why.find("what comes next will not start: parked since 14:00:00Z") !=
        std::string::npos);
  now.enqueue();
  CHECK(now.why().state == "parked");
  CHECK(now.why().why ==
        "parked since 14:00:00Z (now) by ann: the model is down; run `deskwire jobs unpark 42`");
}

TEST_CASE("why: a job behind others names the head and what the head waits for", "[cli][why]") {
  Situation now;
  const std::string head = now.enqueue(Milliseconds{60000}, "handoff");
  now.enqueue();
  const std::string last = now.enqueue();
  CHECK(now.why(last).state == "behind");
  CHECK(now.why(last).why == "behind 2 jobs of conversation 42; the head (" + head +
                                 "): scheduled at 14:01:00Z (in 60 s)");
  CHECK(now.why(head).state == "scheduled");
}

TEST_CASE("why: a reply that is held back says for how long, and for what", "[cli][why]") {
  Situation now;
  jobs::EnqueueRequest request;
  request.lane = kLane;
  request.kind = "reply";
  request.payload = "{}";
  request.debounce = jobs::Debounce{Milliseconds{4000}, Milliseconds{20000}, 10};
  for (int i = 0; i < 2; ++i) {
    request.receipt = new_job_id(now.clock.wall_ms(), shard_of_lane(kLane)).str();
    REQUIRE(now.store.enqueue(request));
  }
  CHECK(now.why().state == "scheduled");
  CHECK(now.why().why ==
        "holding the reply in case the customer goes on (2 messages so far); it is begun at "
        "14:00:04Z (in 4 s), or a little later if more comes");
}

TEST_CASE("why: a conversation that was parked because its job died says which, and what to run",
          "[cli][why]") {
  Situation now(true);
  const std::string id = now.enqueue();
  now.enqueue();
  now.fail("unauthorized", jobs::FailureClass::kPermanent, Milliseconds{0});
  // The hand-off comes first and may run.
  CHECK(now.why().state == "ready");
  now.complete("handed_off");
  CHECK(now.why().state == "parked");
  CHECK(now.why().why == "parked since 14:00:00Z (now), because its job " + id +
                             " died of unauthorized; run `deskwire jobs unpark 42` when that is "
                             "mended");
}

TEST_CASE("why: a dead job says since when, of what, and what to run", "[cli][why]") {
  Situation now;
  const std::string id = now.enqueue();
  now.fail("unauthorized", jobs::FailureClass::kPermanent, Milliseconds{0});
  now.clock.advance(Milliseconds{7200000});
  CHECK(now.why(id).state == "dead");
  CHECK(now.why(id).why ==
        "dead since 14:00:00Z (2 h ago), after attempt 1 of 8: unauthorized (the helpdesk refused "
        "our token); when that is mended, run `deskwire jobs replay " +
            id + "`");
  const JobId replay = now.store.replay(JobId(id), false, "ann", "mended").value();
  CHECK(now.why(id).why.find("; replayed as " + replay.str()) != std::string::npos);
}

TEST_CASE("why: an idle conversation tells what became of its last job", "[cli][why]") {
  Situation now;
  CHECK(now.why().why == "nothing waits, and no finished job of it is remembered");
  const std::string id = now.enqueue();
  now.complete("replied");
  now.clock.advance(Milliseconds{120000});
  CHECK(now.why().state == "idle");
  CHECK(now.why().why == "nothing waits; the last job (" + id + "): replied 2 min ago");
  now.enqueue();
  now.complete("skipped:assigned_to_human");
  CHECK(now.why().why.find("skipped now: a human has the conversation") != std::string::npos);
}

TEST_CASE("why: a ready job waits for a worker; when that takes long it says what to look at",
          "[cli][why]") {
  Situation now;
  const std::string id = now.enqueue();
  now.clock.advance(Milliseconds{3000});
  CHECK(now.why().why == "ready for 3 s, waits for a free worker");
  now.clock.advance(Milliseconds{60000});
  CHECK(now.why(id).why.find("deskwire doctor") != std::string::npos);
}

TEST_CASE("why: a retry that meets a pause says both", "[cli][why]") {
  Situation now;
  now.enqueue();
  now.fail("unavailable", jobs::FailureClass::kRetryable, Milliseconds{40000});
  now.halt({});
  CHECK(now.why().why.find("waiting: attempt 2 of 8 at 14:00:40Z (in 40 s), after unavailable") ==
        0);
  CHECK(now.why().why.find("; it will not start then: paused (everything)") != std::string::npos);
}

TEST_CASE("why: a dropped job says that an operator did it", "[cli][why]") {
  Situation now;
  const std::string id = now.enqueue();
  REQUIRE(now.store.drop(JobId(id), {"ann", "spam"}));
  CHECK(now.why(id).why == "dropped by an operator now; `deskwire jobs audit` says who");
}

TEST_CASE("why: foreign text cannot drive a terminal", "[cli][why]") {
  CHECK(cli::explained_error("a\033[2J") == "a?[2J");
}
