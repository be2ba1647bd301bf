// Conformance of a JobStore: a customer's burst becomes one job.
#include "core/channel.h"
#include "jobs/effects.h"
#include "tests/support/catch.h"
#include "tests/support/job_store_conformance.h"

namespace deskwire::testing {
namespace {

using namespace jobs;
using Texts = std::vector<std::string>;

const std::string kLane = "42";
constexpr Milliseconds kQuiet{50};
constexpr Milliseconds kLong{3600000};

/// A lane whose messages are coalesced.
struct Burst {
  explicit Burst(Debounce used = {kQuiet, kLong, 10}) : rule(used) {}

  EnqueueResult say(const std::string& text) {
    EnqueueRequest request = lane.request(kLane, text);
    request.dedupe_keys = {text};
    request.debounce = rule;
    return lane.enqueue(request);
  }
  /// Time goes on until what waits is due.
  void be_quiet() {
    lane.harness().pass(kQuiet);
    lane.beat(kLane);
  }
  static Texts texts(const Lease& lease) {
    Texts all{lease.payload};
    all.insert(all.end(), lease.more_payloads.begin(), lease.more_payloads.end());
    return all;
  }
  IntentAnswer intend(const Lease& lease) {
    const auto intent = lane.store().intend(lease, effect_key(lease.root.str()), "text", {}, {});
    REQUIRE(intent);
    return intent->answer;
  }
  /// Completes without an effect, knowing only what the lease held.
  void skip(const Lease& lease) {
    CompletedJob completed;
    completed.id = lease.id;
    completed.token = lease.token;
    completed.messages = lease.messages();
    completed.outcome = "skipped:closed";
    CHECK(lane.complete(completed, kLane).stale.empty());
  }

  LaneDriver lane;
  Debounce rule;
};

TEST_CASE("a burst waits until the customer is quiet and is one job", "[jobs][debounce]") {
  Burst burst;
  const EnqueueResult first = burst.say("one");
  CHECK(burst.lane.job(first.job).state == JobState::kScheduled);
  CHECK(burst.lane.take(kLane).empty());
  const EnqueueResult second = burst.say("two");
  CHECK(second.job == first.job);
  CHECK_FALSE(second.duplicate);
  CHECK(burst.lane.job(first.job).messages == 2);
  burst.lane.require_sound();

  burst.be_quiet();
  const Lease lease = burst.lane.take_one(kLane);
  CHECK(Burst::texts(lease) == Texts{"one", "two"});
  CHECK(lease.takes_more);
  CHECK(burst.intend(lease) == IntentAnswer::kGo);
  burst.lane.complete(lease);
  CHECK(burst.lane.take(kLane).empty());
  burst.lane.require_sound();
}

TEST_CASE("a message that joined a job is known again, by its keys and as itself",
          "[jobs][debounce]") {
  Burst burst;
  const EnqueueResult first = burst.say("one");
  EnqueueRequest joins = burst.lane.request(kLane, "two");
  joins.dedupe_keys = {"two"};
  joins.debounce = burst.rule;
  CHECK(burst.lane.enqueue(joins).job == first.job);

  const EnqueueResult resent = burst.lane.enqueue(joins);
  CHECK(resent.job == first.job);
  CHECK_FALSE(resent.duplicate);
  const EnqueueResult other_door = burst.say("two");
  CHECK(other_door.job == first.job);
  CHECK(other_door.duplicate);
  CHECK(other_door.receipt == joins.receipt);
  burst.be_quiet();
  CHECK(Burst::texts(burst.lane.take_one(kLane)) == Texts{"one", "two"});
}

TEST_CASE("case 22: a burst that does not end is answered after max_wait", "[jobs][debounce]") {
  Burst burst({kLong, kQuiet, 10});
  burst.say("one");
  burst.say("two");
  burst.be_quiet();
  CHECK(Burst::texts(burst.lane.take_one(kLane)) == Texts{"one", "two"});
}

TEST_CASE("a burst of max_n messages is due at once, and the next message is another job",
          "[jobs][debounce]") {
  Burst burst({kLong, kLong, 2});
  const EnqueueResult first = burst.say("one");
  burst.say("two");
  const EnqueueResult next = burst.say("three");
  CHECK(next.job != first.job);
  burst.lane.require_sound();
  const Lease lease = burst.lane.take_one(kLane);
  CHECK(Burst::texts(lease) == Texts{"one", "two"});
  burst.lane.complete(lease);
  CHECK(burst.lane.take(kLane).empty());  // The third waits for its own quiet.
  CHECK(burst.lane.job(next.job).state == JobState::kScheduled);
  burst.lane.require_sound();
}

TEST_CASE(
    "case 21: a message that comes while the reply is being written begins it anew, once it is "
    "quiet",
    "[jobs][debounce]") {
  Burst burst;
  burst.say("one");
  burst.be_quiet();
  const Lease lease = burst.lane.take_one(kLane);
  const EnqueueResult late = burst.say("two");
  CHECK(late.job == lease.id.str());

  const auto beat = burst.lane.store().beat(
      {shard_of_lane(kLane), burst.lane.worker, {{lease.id, lease.token, lease.messages()}}});
  REQUIRE(beat);
  CHECK(beat->lost.empty());
  CHECK(beat->superseded == std::vector<JobId>{lease.id});
  CHECK(burst.intend(lease) == IntentAnswer::kSuperseded);
  CHECK(burst.lane.store().release(lease));
  CHECK(burst.lane.take(kLane).empty());
  burst.lane.require_sound();

  burst.be_quiet();
  const Lease again = burst.lane.take_one(kLane);
  CHECK(again.attempt == 1);
  CHECK(Burst::texts(again) == Texts{"one", "two"});
  CHECK(burst.intend(again) == IntentAnswer::kGo);
  burst.lane.complete(again);
  burst.lane.require_sound();
}

TEST_CASE("what comes after the intent is answered by a job of its own", "[jobs][debounce]") {
  Burst burst;
  const EnqueueResult first = burst.say("one");
  burst.be_quiet();
  const Lease lease = burst.lane.take_one(kLane);
  CHECK(burst.intend(lease) == IntentAnswer::kGo);
  const EnqueueResult next = burst.say("two");
  CHECK(next.job != first.job);
  burst.lane.complete(lease);
  burst.be_quiet();
  CHECK(Burst::texts(burst.lane.take_one(kLane)) == Texts{"two"});
  burst.lane.require_sound();
}

TEST_CASE("a job is not skipped over a message that its attempt did not see", "[jobs][debounce]") {
  Burst burst;
  burst.say("one");
  burst.be_quiet();
  const Lease lease = burst.lane.take_one(kLane);
  burst.say("two");
  burst.skip(lease);
  burst.lane.require_sound();
  burst.be_quiet();
  const Lease again = burst.lane.take_one(kLane);
  CHECK(Burst::texts(again) == Texts{"one", "two"});
  burst.skip(again);
  CHECK(burst.lane.job(again.id.str()).state == JobState::kCompleted);
  burst.lane.require_sound();
}

TEST_CASE("case 21: what joined a job that dies goes to the human with it", "[jobs][debounce]") {
  Burst burst;
  burst.say("one");
  burst.be_quiet();
  const Lease lease = burst.lane.take_one(kLane);
  burst.say("two");
  CHECK(burst.lane.fail(lease, FailureClass::kPermanent).dead);
  const Lease handoff = burst.lane.take_one(kLane);
  CHECK(handoff.kind == "handoff");
  CHECK(Burst::texts(handoff) == Texts{"one", "two"});
  burst.lane.complete(handoff);
  burst.lane.require_sound();
}

TEST_CASE("a replay has the whole burst and takes no more", "[jobs][debounce]") {
  Burst burst;
  const EnqueueResult first = burst.say("one");
  burst.say("two");
  burst.be_quiet();
  const Lease lease = burst.lane.take_one(kLane);
  burst.lane.complete(lease);
  const auto replayed = burst.lane.store().replay(lease.id, false, "ann", "test");
  REQUIRE(replayed);
  const EnqueueResult next = burst.say("three");
  CHECK(next.job != first.job);
  CHECK(next.job != replayed->str());
  const Lease again = burst.lane.take_one(kLane);
  CHECK(again.id == *replayed);
  CHECK(Burst::texts(again) == Texts{"one", "two"});
  CHECK_FALSE(again.takes_more);
}

TEST_CASE("messages join a job that backs off before it has announced anything",
          "[jobs][debounce]") {
  Burst burst;
  burst.say("one");
  burst.be_quiet();
  const Lease lease = burst.lane.take_one(kLane);
  CHECK_FALSE(burst.lane.fail(lease, FailureClass::kRetryable, kQuiet).dead);
  const EnqueueResult late = burst.say("two");
  CHECK(late.job == lease.id.str());
  CHECK(burst.lane.job(late.job).state == JobState::kRetryable);
  burst.be_quiet();
  CHECK(Burst::texts(burst.lane.take_one(kLane)) == Texts{"one", "two"});
  burst.lane.require_sound();
}

}  // namespace
}  // namespace deskwire::testing
