// Conformance of an OperatorStore: pauses, parked lanes, dropped jobs, the audit log.
#include <map>

#include "core/channel.h"
#include "core/ids.h"
#include "tests/support/catch.h"
#include "tests/support/job_store_conformance.h"

namespace deskwire::testing {
namespace {

using namespace jobs;

const std::string kLane = "42";
const Operator kAnn{"ann", "the model is down"};

HaltTarget kind(const std::string& name) { return {HaltScope::kKind, name}; }
HaltTarget conversation(const std::string& name) { return {HaltScope::kConversation, name}; }
HaltTarget parked(const std::string& name) { return {HaltScope::kParked, name}; }

/// Whether it changed anything.
bool halt(LaneDriver& lane, const HaltTarget& target) {
  const Result<bool> changed = lane.operators().halt(target, kAnn);
  INFO((changed ? std::string() : changed.error().message));
  REQUIRE(changed);
  return *changed;
}
bool resume(LaneDriver& lane, const HaltTarget& target) {
  const Result<bool> changed = lane.operators().resume(target, {"bob", "it is back"});
  INFO((changed ? std::string() : changed.error().message));
  REQUIRE(changed);
  return *changed;
}
std::string enqueue_kind(LaneDriver& lane, const std::string& name, const std::string& of_kind) {
  EnqueueRequest request = lane.request(name);
  request.kind = of_kind;
  return lane.enqueue(request).job;
}
LaneView look(LaneDriver& lane, const std::string& name, const std::string& job = {}) {
  const auto view = lane.operators().look(name, JobId(job));
  REQUIRE(view);
  return *view;
}
std::vector<AuditEntry> audit(LaneDriver& lane) { return lane.operators().audit({}).value(); }

TEST_CASE("case 19: while everything is paused jobs come in and nothing is leased",
          "[jobs][pause]") {
  LaneDriver lane;
  lane.enqueue(kLane);
  CHECK(halt(lane, {}));
  CHECK_FALSE(halt(lane, {}));
  lane.enqueue(lane_beside(0));
  CHECK(lane.take(kLane, 10).empty());
  const BeatResult beat = lane.beat(kLane);
  CHECK_FALSE(beat.ready);
  CHECK(beat.oldest_due_ms > 0);
  lane.require_sound();

  CHECK(resume(lane, {}));
  CHECK_FALSE(resume(lane, {}));
  CHECK(lane.beat(kLane).ready);
  CHECK(lane.take(kLane, 10).size() == 2);
  lane.require_sound();
}

TEST_CASE("what runs when a pause begins ends in its own time", "[jobs][pause]") {
  LaneDriver lane;
  lane.enqueue(kLane);
  lane.enqueue(kLane);
  const Lease lease = lane.take_one(kLane);
  halt(lane, {});
  REQUIRE(lane.store()
              .beat({shard_of_lane(kLane), lane.worker, {{lease.id, lease.token}}})
              ->lost.empty());
  lane.complete(lease);
  CHECK(lane.take(kLane).empty());
  resume(lane, {});
  CHECK(lane.take(kLane).size() == 1);
}

TEST_CASE("case 18: timers go on while paused, and their jobs run only after the resume",
          "[jobs][pause][time]") {
  LaneDriver lane;
  EnqueueRequest delayed = lane.request(kLane);
  delayed.delay = Milliseconds{20};
  lane.enqueue(delayed);
  lane.enqueue(lane_beside(0));
  const HaltTarget target = GENERATE(HaltTarget{}, kind("reply"), conversation(kLane));
  halt(lane, target);
  lane.harness().pass(Milliseconds{20});
  CHECK(lane.beat(kLane).promoted == 1);
  for (const Lease& lease : lane.take(kLane, 10)) CHECK(lease.lane != kLane);
  lane.require_sound();
  resume(lane, target);
  bool ran = false;
  for (const Lease& lease : lane.take(kLane, 10)) ran = ran || lease.lane == kLane;
  CHECK(ran);
  lane.require_sound();
}

TEST_CASE("a pause of a kind holds the lanes whose head is of it, in their order",
          "[jobs][pause]") {
  LaneDriver lane;
  const std::string held = enqueue_kind(lane, kLane, "reply");
  const std::string behind = enqueue_kind(lane, kLane, "handoff");
  const std::string other = enqueue_kind(lane, lane_beside(0), "handoff");
  halt(lane, kind("reply"));
  const std::vector<Lease> leases = lane.take(kLane, 10);
  REQUIRE(leases.size() == 1);
  CHECK(leases[0].id.str() == other);
  lane.require_sound();
  CHECK(look(lane, kLane).place == LaneView::Place::kParked);
  CHECK(lane.beat(kLane).oldest_due_ms == lane.job(held).due_at_ms);

  CHECK(resume(lane, kind("reply")));
  const Lease first = lane.take_one(kLane);
  CHECK(first.id.str() == held);
  lane.complete(first);
  CHECK(lane.take_one(kLane).id.str() == behind);
  lane.require_sound();
}

TEST_CASE("halted lanes at the front of the line do not starve those behind", "[jobs][pause]") {
  LaneDriver lane;
  constexpr int kHalted = 450;
  for (int i = 0; i < kHalted; ++i) enqueue_kind(lane, lane_beside(i + 1), "reply");
  const std::string free = enqueue_kind(lane, lane_beside(0), "handoff");
  halt(lane, kind("reply"));
  int steps = 0;
  std::vector<Lease> leases;
  while (leases.empty() && ++steps < 10) leases = lane.take(kLane, 4);
  REQUIRE(leases.size() == 1);
  CHECK(leases[0].id.str() == free);
  lane.require_sound();

  resume(lane, kind("reply"));
  int released = 0;
  for (int i = 0; i < 10; ++i) released += static_cast<int>(lane.take(kLane, 64).size());
  CHECK(released == kHalted);
  lane.require_sound();
}

TEST_CASE("a lane with two pauses runs when both are over", "[jobs][pause]") {
  LaneDriver lane;
  lane.enqueue(kLane);
  halt(lane, kind("reply"));
  halt(lane, conversation(kLane));
  CHECK(lane.take(kLane).empty());
  resume(lane, kind("reply"));
  CHECK(lane.take(kLane).empty());
  lane.require_sound();
  resume(lane, conversation(kLane));
  CHECK(lane.take(kLane).size() == 1);
  lane.require_sound();
}

TEST_CASE("a parked lane stays, does not count as waiting, and comes back whole", "[jobs][park]") {
  LaneDriver lane;
  const std::string first = lane.enqueue(kLane);
  halt(lane, parked(kLane));
  CHECK(lane.take(kLane).empty());
  const std::string second = lane.enqueue(kLane);
  CHECK(lane.take(kLane).empty());
  CHECK(lane.beat(kLane).oldest_due_ms == 0);
  CHECK(look(lane, kLane).place == LaneView::Place::kParked);
  CHECK(look(lane, kLane).length == 2);
  lane.require_sound();

  CHECK(resume(lane, parked(kLane)));
  const Lease lease = lane.take_one(kLane);
  CHECK(lease.id.str() == first);
  lane.complete(lease);
  CHECK(lane.take_one(kLane).id.str() == second);
  lane.require_sound();
}

TEST_CASE("a paused lane that is parked stays parked after the resume", "[jobs][park][pause]") {
  LaneDriver lane;
  lane.enqueue(kLane);
  halt(lane, conversation(kLane));
  CHECK(lane.take(kLane).empty());
  CHECK(lane.beat(kLane).oldest_due_ms > 0);
  halt(lane, parked(kLane));
  CHECK(lane.beat(kLane).oldest_due_ms == 0);
  resume(lane, conversation(kLane));
  CHECK(lane.take(kLane).empty());
  lane.require_sound();
  resume(lane, parked(kLane));
  CHECK(lane.take(kLane).size() == 1);
}

TEST_CASE("halts are listed once each, with who and why", "[jobs][pause]") {
  LaneDriver lane;
  halt(lane, parked("9"));
  halt(lane, kind("reply"));
  halt(lane, {});
  CHECK_FALSE(lane.operators().resume(kind("handoff"), kAnn).value());
  const std::vector<Halt> halts = lane.operators().halts().value();
  REQUIRE(halts.size() == 3);
  CHECK(halts[0].target == HaltTarget{});
  CHECK(halts[1].target == kind("reply"));
  CHECK(halts[2].target == parked("9"));
  for (const Halt& one : halts) {
    CHECK(one.by.actor == "ann");
    CHECK(one.by.reason == "the model is down");
    CHECK(one.since_ms > 0);
  }
}

TEST_CASE("a halt needs the right name, and there is a most of them", "[jobs][pause]") {
  LaneLimits limits;
  limits.max_halts = 2;
  LaneDriver lane(limits);
  const auto code = [&](const HaltTarget& target) {
    return lane.operators().halt(target, kAnn).error().code;
  };
  CHECK(code(kind("")) == ErrorCode::kInvalid);
  CHECK(code({HaltScope::kAll, "x"}) == ErrorCode::kInvalid);
  CHECK(code(conversation(std::string(201, 'x'))) == ErrorCode::kInvalid);
  halt(lane, parked(lane_beside(0)));
  halt(lane, parked(lane_beside(1)));
  CHECK(code(parked(lane_beside(2))) == ErrorCode::kFull);
}

LaneLimits parking_limits() {
  LaneLimits limits;
  limits.park_dead_heads = true;
  return limits;
}

TEST_CASE("case 12: a dead head is skipped: the next job runs, the hand-off after the rest",
          "[jobs][cases][park]") {
  LaneDriver lane;
  lane.enqueue(kLane, "first");
  const std::string second = lane.enqueue(kLane, "second");
  CHECK(lane.fail(lane.take_one(kLane), FailureClass::kPermanent).dead);
  const Lease next = lane.take_one(kLane);
  CHECK(next.id.str() == second);
  lane.complete(next);
  CHECK(lane.take_one(kLane).kind == "handoff");
  CHECK(lane.operators().halts()->empty());
  lane.require_sound();
}

TEST_CASE("case 12: a dead head parks its lane: only the hand-off runs, until it is unparked",
          "[jobs][cases][park]") {
  LaneDriver lane(parking_limits());
  const std::string first = lane.enqueue(kLane, "first");
  const std::string second = lane.enqueue(kLane, "second");
  CHECK(lane.fail(lane.take_one(kLane), FailureClass::kPermanent, {}, "denied").dead);
  lane.require_sound();
  const std::string third = lane.enqueue(kLane, "third");

  const std::vector<Halt> halts = lane.operators().halts().value();
  REQUIRE(halts.size() == 1);
  CHECK(halts[0].target == parked(kLane));
  CHECK(halts[0].by.actor == kDeadHeadActor);
  CHECK(halts[0].by.reason == "its job " + first + " died of denied");

  const Lease handoff = lane.take_one(kLane);
  CHECK(handoff.kind == "handoff");
  lane.complete(handoff, "handed_off");
  CHECK(lane.take(kLane, 10).empty());
  CHECK(look(lane, kLane).place == LaneView::Place::kParked);
  CHECK(lane.beat(kLane).oldest_due_ms == 0);
  lane.require_sound();

  CHECK(resume(lane, parked(kLane)));
  for (const std::string& id : {second, third}) {
    const Lease lease = lane.take_one(kLane);
    CHECK(lease.id.str() == id);
    lane.complete(lease);
  }
  lane.require_sound();
}

TEST_CASE("case 12: the replay of a dead head comes before what waits behind the parked lane",
          "[jobs][cases][park]") {
  LaneDriver lane(parking_limits());
  const std::string first = lane.enqueue(kLane, "first");
  EnqueueRequest later = lane.request(kLane, "second");
  const bool delayed = GENERATE(false, true);
  if (delayed) later.delay = Milliseconds{60000};
  const std::string second = lane.enqueue(later).job;
  CHECK(lane.fail(lane.take_one(kLane), FailureClass::kPermanent).dead);
  const bool handed_off = GENERATE(false, true);
  if (handed_off) lane.complete(lane.take_one(kLane), "handed_off");

  const JobId replayed = lane.store().replay(JobId(first), false, "ann", "mended").value();
  lane.require_sound();
  if (!handed_off) lane.complete(lane.take_one(kLane), "handed_off");
  CHECK(lane.take(kLane, 10).empty());
  CHECK(resume(lane, parked(kLane)));
  const Lease lease = lane.take_one(kLane);
  CHECK(lease.id == replayed);
  lane.complete(lease);
  CHECK(look(lane, kLane).head->id.str() == second);
  lane.require_sound();
}

TEST_CASE(
    "case 12: a lane that an operator has parked stays the operator's, and one too many is "
    "skipped",
    "[jobs][cases][park]") {
  LaneLimits limits = parking_limits();
  limits.max_halts = 1;
  LaneDriver lane(limits);
  lane.enqueue(kLane);
  lane.enqueue(lane_beside(0));
  const std::vector<Lease> leases = lane.take(kLane, 2);
  REQUIRE(leases.size() == 2);
  halt(lane, parked(kLane));
  for (const Lease& lease : leases) CHECK(lane.fail(lease, FailureClass::kPermanent).dead);
  const std::vector<Halt> halts = lane.operators().halts().value();
  REQUIRE(halts.size() == 1);
  CHECK(halts[0].by.actor == kAnn.actor);
  const std::vector<Lease> taken = lane.take(kLane, 10);
  REQUIRE(taken.size() == 1);
  CHECK(taken[0].lane == lane_beside(0));
  lane.require_sound();
}

TEST_CASE("jobs are counted by state and kind", "[jobs][counts]") {
  LaneDriver lane;
  enqueue_kind(lane, kLane, "reply");
  enqueue_kind(lane, lane_beside(0), "other");
  enqueue_kind(lane, lane_beside(0), "reply");
  EnqueueRequest delayed = lane.request(lane_beside(1));
  delayed.delay = Milliseconds{60000};
  lane.enqueue(delayed);
  for (const Lease& lease : lane.take(kLane, 2)) {
    if (lease.kind == "reply") {
      CHECK(lane.fail(lease, FailureClass::kPermanent).dead);
    }
  }
  const KindCounts kinds = lane.store().counts_by_kind().value();
  CHECK(kinds.at("reply").at("dead") == 1);
  CHECK(kinds.at("reply").at("available") == 1);
  CHECK(kinds.at("reply").at("scheduled") == 1);
  CHECK(kinds.at("other").at("running") == 1);
  CHECK(kinds.at("handoff").at("available") == 1);
  lane.require_sound();
}

TEST_CASE("a waiting job that is dropped never runs, and its lane goes on", "[jobs][drop]") {
  LaneDriver lane;
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(lane.enqueue(kLane));
  const std::size_t dropped = GENERATE(std::size_t{0}, std::size_t{1}, std::size_t{2});
  REQUIRE(lane.operators().drop(JobId(ids[dropped]), kAnn));
  REQUIRE(lane.operators().drop(JobId(ids[dropped]), kAnn));
  lane.require_sound();
  CHECK(lane.job(ids[dropped]).state == JobState::kCancelled);
  CHECK(lane.store().counts()->at("cancelled") == 1);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i == dropped) continue;
    const Lease lease = lane.take_one(kLane);
    CHECK(lease.id.str() == ids[i]);
    lane.complete(lease);
  }
  CHECK(lane.take(kLane).empty());
  lane.require_sound();
  CHECK(audit(lane).size() == 1);
}

TEST_CASE("dropping the only job of a lane leaves nothing behind, wherever it waited",
          "[jobs][drop]") {
  LaneDriver lane;
  const int where = GENERATE(0, 1, 2);
  EnqueueRequest request = lane.request(kLane);
  if (where == 1) request.delay = Milliseconds{60000};
  const std::string id = lane.enqueue(request).job;
  if (where == 2) {
    halt(lane, parked(kLane));
    CHECK(lane.take(kLane).empty());
  }
  REQUIRE(lane.operators().drop(JobId(id), kAnn));
  CHECK(look(lane, kLane).place == LaneView::Place::kNone);
  lane.require_sound();
}

TEST_CASE("case 29: a running job cannot be dropped, nor a completed one; a dead one can",
          "[jobs][drop]") {
  LaneDriver lane;
  const std::string id = lane.enqueue(kLane);
  const Lease lease = lane.take_one(kLane);
  const auto running = lane.operators().drop(JobId(id), kAnn);
  CHECK(running.error().code == ErrorCode::kConflict);
  CHECK(running.error().message.find("running") != std::string::npos);
  lane.complete(lease);
  CHECK(lane.operators().drop(JobId(id), kAnn).error().code == ErrorCode::kConflict);
  CHECK(lane.operators().drop(new_job_id(1, 3), kAnn).error().code == ErrorCode::kNotFound);
  CHECK(lane.operators().drop(JobId("garbage"), kAnn).error().code == ErrorCode::kNotFound);

  EnqueueRequest unparsable = lane.request(kLane);
  unparsable.bury_code = "unparsable";
  const std::string dead = lane.enqueue(unparsable).job;
  REQUIRE(lane.operators().drop(JobId(dead), kAnn));
  CHECK(lane.job(dead).state == JobState::kCancelled);
  lane.require_sound();
  CHECK(lane.store().replay(JobId(dead), false, "ann", "after all"));
  lane.require_sound();
}

TEST_CASE("dropping a job that had announced a reply tells people that it failed",
          "[jobs][drop][effects]") {
  LaneDriver lane;
  lane.enqueue(kLane);
  const Lease lease = lane.take_one(kLane);
  Event unfinished;
  unfinished.channel = conversation_channel(kLane);
  unfinished.id = "failed";
  unfinished.name = "message:status";
  unfinished.data = R"({"reason":"@reason@"})";
  unfinished.timestamp = -1;
  REQUIRE(lane.store().intend(lease, "fx", "text", {}, unfinished));
  lane.fail(lease, FailureClass::kRetryable, Milliseconds{60000});
  REQUIRE(lane.operators().drop(lease.id, kAnn));
  const auto shown = lane.harness().shown(conversation_channel(kLane));
  REQUIRE(shown.size() == 1);
  CHECK(shown[0].data.find("cancelled") != std::string::npos);
}

TEST_CASE("a look at a lane says what its head does and who is before a job", "[jobs][why]") {
  LaneDriver lane;
  CHECK(look(lane, kLane).place == LaneView::Place::kNone);
  const std::string head = lane.enqueue(kLane);
  const std::string behind = lane.enqueue(kLane);
  LaneView view = look(lane, kLane, behind);
  CHECK(view.place == LaneView::Place::kReady);
  CHECK(view.length == 2);
  CHECK(view.ahead == std::size_t{1});
  CHECK(view.head->id.str() == head);
  CHECK(view.lanes_ready == 1);
  CHECK_FALSE(view.kind);

  const Lease lease = lane.take_one(kLane);
  view = look(lane, kLane);
  CHECK(view.place == LaneView::Place::kLease);
  CHECK(view.place_ms > view.now_ms);
  CHECK(view.head->worker == "w-test");
  CHECK(view.head->leased_at_ms > 0);
  CHECK_FALSE(view.ahead);

  lane.fail(lease, FailureClass::kRetryable, Milliseconds{60000});
  halt(lane, kind("reply"));
  view = look(lane, kLane);
  CHECK(view.place == LaneView::Place::kTimers);
  CHECK(view.place_ms > view.now_ms);
  REQUIRE(view.kind);
  CHECK(view.kind->by.actor == "ann");
  CHECK_FALSE(view.everything);
}

TEST_CASE("the job that finished last in a lane is found", "[jobs][why]") {
  LaneDriver lane;
  CHECK_FALSE(lane.operators().last_finished(kLane).value());
  lane.enqueue(kLane);
  const std::string last = lane.enqueue(kLane);
  lane.enqueue(lane_beside(0));
  lane.complete(lane.take_one(kLane));
  lane.complete(lane.take_one(kLane));
  lane.harness().pass(Milliseconds{2});
  for (const Lease& lease : lane.take(kLane, 5)) lane.complete(lease);
  const auto found = lane.operators().last_finished(lane_beside(0)).value();
  REQUIRE(found);
  CHECK(found->lane == lane_beside(0));
  lane.harness().pass(Milliseconds{2});
  lane.enqueue(kLane);
  const Lease lease = lane.take_one(kLane);
  lane.fail(lease, FailureClass::kPermanent);
  CHECK(lane.operators().last_finished(kLane).value()->id == lease.id);
  CHECK(last != lease.id.str());
}

TEST_CASE("a job remembers how its last ten attempts failed", "[jobs][history]") {
  LaneLimits limits;
  limits.lease = Milliseconds{20};
  LaneDriver lane(limits);
  EnqueueRequest request = lane.request(kLane);
  request.max_attempts = 100;
  const std::string id = lane.enqueue(request).job;
  CHECK(lane.operators().history(JobId(id)).value().empty());
  lane.take_one(kLane);
  lane.harness().pass(Milliseconds{21});
  REQUIRE(lane.beat(kLane).reclaimed == 1);
  for (int i = 0; i < 10; ++i) {
    lane.fail(lane.take_one(kLane), i == 9 ? FailureClass::kPermanent : FailureClass::kRetryable,
              Milliseconds{0}, i == 9 ? "unauthorized" : "timeout");
    lane.beat(kLane);
    if (i != 0) continue;
    const auto history = lane.operators().history(JobId(id)).value();
    REQUIRE(history.size() == 2);
    CHECK(history[0].error_code == "lease_lost");
    CHECK(history[0].number == 1);
    CHECK(history[1].error_code == "timeout");
    CHECK(history[1].error_message == "it did not work");
    CHECK(history[1].number == 1);
    CHECK(history[1].worker == "w-test");
    CHECK(history[1].started_ms > 0);
    CHECK(history[1].ended_ms >= history[1].started_ms);
  }
  const auto history = lane.operators().history(JobId(id)).value();
  REQUIRE(history.size() == 10);
  CHECK(history[0].error_code == "timeout");
  CHECK(history[9].error_code == "unauthorized");
  CHECK(history[9].number == 10);
  CHECK(lane.operators().history(JobId("garbage")).value().empty());
}

TEST_CASE("every change leaves an entry that says who and why, and a repeat leaves none",
          "[jobs][audit]") {
  LaneDriver lane;
  for (int i = 0; i < 2; ++i) {
    halt(lane, {});
    halt(lane, kind("reply"));
    halt(lane, conversation(kLane));
    halt(lane, parked(kLane));
  }
  for (int i = 0; i < 2; ++i) {
    resume(lane, {});
    resume(lane, kind("reply"));
    resume(lane, conversation(kLane));
    resume(lane, parked(kLane));
  }
  EnqueueRequest delayed = lane.request(kLane);
  delayed.delay = Milliseconds{60000};
  const std::string id = lane.enqueue(delayed).job;
  REQUIRE(lane.store().retry_now(JobId(id), "ann", "now"));
  REQUIRE(lane.operators().drop(JobId(id), kAnn));
  const JobId replayed = lane.store().replay(JobId(id), true, "ann", "again").value();

  std::map<std::string, int> verbs;
  for (const AuditEntry& entry : audit(lane)) {
    ++verbs[entry.verb + " " + entry.about];
    CHECK_FALSE(entry.by.actor.empty());
    CHECK_FALSE(entry.by.reason.empty());
    CHECK(entry.at_ms > 0);
    if (entry.verb == "replay") {
      CHECK(entry.name == id);
      CHECK(entry.made == replayed.str());
      CHECK(entry.again);
    }
  }
  CHECK(verbs == std::map<std::string, int>{{"pause all", 1},
                                            {"pause kind", 1},
                                            {"pause conversation", 1},
                                            {"park conversation", 1},
                                            {"resume all", 1},
                                            {"resume kind", 1},
                                            {"resume conversation", 1},
                                            {"unpark conversation", 1},
                                            {"retry job", 1},
                                            {"drop job", 1},
                                            {"replay job", 1}});
  AuditFilter few;
  few.limit = 3;
  CHECK(lane.operators().audit(few).value().size() == 3);
}

}  // namespace
}  // namespace deskwire::testing
