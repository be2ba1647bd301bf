// Conformance of a JobStore: the ledger of effects, and what people see of them.
#include <algorithm>

#include "core/channel.h"
#include "core/ids.h"
#include "jobs/effects.h"
#include "jobs/helpdesk_event.h"
#include "tests/support/catch.h"
#include "tests/support/job_store_conformance.h"

namespace deskwire::testing {
namespace {

using namespace jobs;

const std::string kLane = "42";
const std::string kChannel = conversation_channel(kLane);
constexpr Milliseconds kShortLease{60};

/// One reply on its way, as the handler plays it.
struct Reply {
  explicit Reply(const LaneLimits& limits = {}) : lane(limits) { lane.enqueue(kLane); }

  Event shown(const JobId& root) const {
    Event event;
    event.channel = kChannel;
    event.id = derived_id("ai", root.str());
    event.name = "message:ai";
    event.timestamp = 5;
    event.data = R"({"content":"@now@ is customers' text","timestamp":5})";
    return event;
  }
  Event unfinished(const JobId& root) const {
    Event event;
    event.channel = kChannel;
    event.id = derived_id("failed", root.str());
    event.name = "message:status";
    event.timestamp = -1;
    event.data = R"({"status":"failed","reason":"@reason@","timestamp":"@now@"})";
    return event;
  }
  Intent intend(const Lease& lease, const std::string& text = "the answer") {
    const auto intent = lane.store().intend(lease, effect_key(lease.root.str()), text,
                                            {shown(lease.root)}, unfinished(lease.root));
    INFO((intent ? std::string() : intent.error().message));
    REQUIRE(intent);
    return *intent;
  }
  StepResult complete_posted(const Lease& lease, const std::string& remote_id) {
    CompletedJob completed;
    completed.id = lease.id;
    completed.token = lease.token;
    completed.outcome = "replied";
    completed.effect = effect_key(lease.root.str());
    completed.remote_id = remote_id;
    completed.our_message_id = our_id(lease.root);
    return lane.complete(completed, kLane);
  }
  static std::string our_id(const JobId& root) { return "dw-" + root.str() + "-1"; }
  std::vector<std::string> names() {
    std::vector<std::string> all;
    for (const auto& event : lane.harness().shown(kChannel)) all.push_back(event.name);
    return all;
  }
  void echo(const JobId& root, const std::string& remote_id) {
    EnqueueRequest request = lane.request(kLane);
    request.kind.clear();
    request.echo = {remote_id, our_id(root)};
    lane.enqueue(request);
  }

  LaneDriver lane;
};

TEST_CASE("an effect is recorded, done and never done again", "[jobs][effects]") {
  Reply reply;
  const Lease lease = reply.lane.take_one(kLane);
  CHECK(lease.saved_reply.empty());
  const Intent intent = reply.intend(lease);
  CHECK(intent.answer == IntentAnswer::kGo);
  CHECK(intent.saved_reply == "the answer");
  CHECK(reply.names() == std::vector<std::string>{"message:ai"});
  CHECK(reply.complete_posted(lease, "501").stale.empty());
  CHECK(reply.names() == std::vector<std::string>{"message:ai"});
  CHECK(reply.lane.store().mapped_message(kLane, "501").value() == Reply::our_id(lease.root));
  CHECK(reply.lane.store().mapped_message(kLane, "502").value().empty());

  REQUIRE(reply.lane.store().replay(lease.id, false, "ann", "test"));
  const Lease again = reply.lane.take_one(kLane);
  const Intent done = reply.intend(again);
  CHECK(done.answer == IntentAnswer::kDone);
  CHECK(done.remote_id == "501");
  CHECK(reply.names() == std::vector<std::string>{"message:ai"});
}

TEST_CASE("a reply whose echo came first is shown as sent once, replays included",
          "[jobs][effects]") {
  Reply reply;
  const Lease lease = reply.lane.take_one(kLane);
  reply.intend(lease);
  reply.echo(lease.root, "501");
  const auto complete = [&](const Lease& held) {
    Event sent = reply.shown(held.root);
    sent.name = "message:status";
    sent.id = derived_id("sent", held.root.str());
    CompletedJob completed;
    completed.id = held.id;
    completed.token = held.token;
    completed.outcome = "replied";
    completed.effect = effect_key(held.root.str());
    completed.remote_id = "501";
    completed.events = {sent};
    CHECK(reply.lane.complete(completed, kLane).stale.empty());
  };
  complete(lease);
  CHECK(reply.names() == std::vector<std::string>{"message:ai", "message:status"});
  REQUIRE(reply.lane.store().replay(lease.id, false, "ann", "test"));
  const Lease again = reply.lane.take_one(kLane);
  CHECK(reply.intend(again).answer == IntentAnswer::kDone);
  complete(again);
  CHECK(reply.names() == std::vector<std::string>{"message:ai", "message:status"});
}

TEST_CASE("an intent that is sent again by the same lease still says go", "[jobs][effects]") {
  Reply reply;
  const Lease lease = reply.lane.take_one(kLane);
  CHECK(reply.intend(lease).answer == IntentAnswer::kGo);
  const Intent again = reply.intend(lease, "another text");
  CHECK(again.answer == IntentAnswer::kGo);
  CHECK(again.saved_reply == "the answer");
  CHECK(reply.names().size() == 1);
}

TEST_CASE("who verifies an old intent may post, so the next one waits from then",
          "[jobs][effects]") {
  LaneLimits limits;
  limits.lease = kShortLease;
  Reply reply(limits);
  reply.intend(reply.lane.take_one(kLane));
  reply.lane.harness().pass(std::max(kShortLease, Milliseconds(kEffectSettleMs)));
  REQUIRE(reply.lane.beat(kLane).reclaimed == 1);
  const Lease second = reply.lane.take_one(kLane);
  CHECK(reply.intend(second).intended_at_ms <= second.leased_at_ms - kEffectSettleMs);
  reply.lane.harness().pass(kShortLease);
  REQUIRE(reply.lane.beat(kLane).reclaimed == 1);
  const Lease third = reply.lane.take_one(kLane);
  const Intent intent = reply.intend(third);
  CHECK(intent.answer == IntentAnswer::kVerify);
  CHECK(intent.intended_at_ms >= second.leased_at_ms);
}

TEST_CASE("where posts may take longer, who looks sooner does not count as who may post",
          "[jobs][effects]") {
  LaneLimits limits;
  limits.lease = kShortLease;
  limits.effect_settle = Milliseconds(100 * kEffectSettleMs);
  Reply reply(limits);
  const Lease first = reply.lane.take_one(kLane);
  reply.intend(first);
  for (int look = 0; look < 2; ++look) {
    reply.lane.harness().pass(std::max(kShortLease, Milliseconds(kEffectSettleMs)));
    REQUIRE(reply.lane.beat(kLane).reclaimed == 1);
    const Lease again = reply.lane.take_one(kLane);
    CHECK(reply.intend(again).intended_at_ms <
          again.leased_at_ms - kEffectSettleMs * (look + 1) + 1);
  }
}

TEST_CASE("an open intent of an earlier attempt has to be verified", "[jobs][effects]") {
  LaneLimits limits;
  limits.lease = kShortLease;
  Reply reply(limits);
  const Lease crashed = reply.lane.take_one(kLane);
  reply.intend(crashed);
  reply.lane.harness().pass(kShortLease);
  REQUIRE(reply.lane.beat(kLane).reclaimed == 1);

  const Lease lease = reply.lane.take_one(kLane);
  CHECK(lease.saved_reply == "the answer");
  const Intent intent = reply.intend(lease, "another text");
  CHECK(intent.answer == IntentAnswer::kVerify);
  CHECK(intent.saved_reply == "the answer");
  CHECK(intent.intended_at_ms >= crashed.leased_at_ms);
  CHECK(intent.intended_at_ms <= lease.leased_at_ms);
  CHECK(reply.names().size() == 1);
}

TEST_CASE("an effect that surely did not happen may be tried again, and is shown once",
          "[jobs][effects]") {
  Reply reply;
  const Lease lease = reply.lane.take_one(kLane);
  reply.intend(lease);
  FailRequest failed;
  failed.lease = lease;
  failed.error_code = "unavailable";
  failed.void_effect = effect_key(lease.root.str());
  REQUIRE(reply.lane.store().fail(failed));
  reply.lane.beat(kLane);

  const Lease second = reply.lane.take_one(kLane);
  CHECK(second.saved_reply == "the answer");
  const Intent intent = reply.intend(second, "another text");
  CHECK(intent.answer == IntentAnswer::kGo);
  CHECK(intent.saved_reply == "the answer");
  CHECK(reply.names() == std::vector<std::string>{"message:ai"});
}

TEST_CASE("the echo of our own post closes the effect", "[jobs][effects]") {
  LaneLimits limits;
  limits.lease = kShortLease;
  Reply reply(limits);
  const Lease lease = reply.lane.take_one(kLane);
  reply.intend(lease);
  SECTION("after a crash behind the post") {
    reply.echo(lease.root, "501");
    reply.lane.harness().pass(kShortLease);
    REQUIRE(reply.lane.beat(kLane).reclaimed == 1);
  }
  SECTION("after the post was believed not to have happened") {
    FailRequest failed;
    failed.lease = lease;
    failed.error_code = "unavailable";
    failed.void_effect = effect_key(lease.root.str());
    REQUIRE(reply.lane.store().fail(failed));
    reply.echo(lease.root, "501");
    reply.lane.beat(kLane);
  }
  SECTION("before it is believed not to have happened") {
    reply.echo(lease.root, "501");
    FailRequest failed;
    failed.lease = lease;
    failed.error_code = "unavailable";
    failed.void_effect = effect_key(lease.root.str());
    REQUIRE(reply.lane.store().fail(failed));
    reply.lane.beat(kLane);
  }
  const Lease next = reply.lane.take_one(kLane);
  const Intent intent = reply.intend(next);
  CHECK(intent.answer == IntentAnswer::kDone);
  CHECK(intent.remote_id == "501");
  CHECK(reply.lane.store().mapped_message(kLane, "501").value() == Reply::our_id(lease.root));
  reply.complete_posted(next, "501");
  CHECK(reply.names() == std::vector<std::string>{"message:ai"});
}

TEST_CASE("an echo of an unknown post only maps its id", "[jobs][effects]") {
  Reply reply;
  const JobId foreign = new_job_id(1, shard_of_lane(kLane));
  reply.echo(foreign, "501");
  CHECK(reply.lane.store().mapped_message(kLane, "501").value() == Reply::our_id(foreign));
  CHECK(reply.intend(reply.lane.take_one(kLane)).answer == IntentAnswer::kGo);
}

TEST_CASE("a job that is closed with its effect open tells people so, once", "[jobs][effects]") {
  LaneLimits limits;
  limits.lease = kShortLease;
  limits.max_crashes = 1;
  Reply reply(limits);
  const Lease lease = reply.lane.take_one(kLane);
  reply.intend(lease);
  std::string reason;
  SECTION("buried") {
    CHECK(reply.lane.fail(lease, FailureClass::kPermanent, Milliseconds{0}, "denied").dead);
    reason = "denied";
  }
  SECTION("buried after its effect was voided") {
    FailRequest failed;
    failed.lease = lease;
    failed.failure = FailureClass::kPermanent;
    failed.error_code = "denied";
    failed.void_effect = effect_key(lease.root.str());
    REQUIRE(reply.lane.store().fail(failed)->dead);
    reason = "denied";
  }
  SECTION("poison") {
    reply.lane.harness().pass(kShortLease);
    REQUIRE(reply.lane.beat(kLane).buried == 1);
    reason = "poison";
  }
  SECTION("completed without it") {
    reply.lane.complete(lease, "skipped:answered \"by\" human");
    reason = "answered__by__human";
  }
  const auto shown = reply.lane.harness().shown(kChannel);
  REQUIRE(shown.size() == 2);
  CHECK(shown[0].data.find("@now@ is customers' text") != std::string::npos);
  CHECK(shown[1].name == "message:status");
  CHECK(shown[1].data.find("\"reason\":\"" + reason + "\"") != std::string::npos);
  CHECK(shown[1].data.find('@') == std::string::npos);
  CHECK(shown[1].data.find("\"timestamp\":1") != std::string::npos);

  REQUIRE(reply.lane.store().replay(lease.id, false, "ann", "test"));
  const std::vector<Lease> leases = reply.lane.take(kLane);
  REQUIRE(leases.size() == 1);
  reply.lane.complete(leases[0], "skipped:stale");
  CHECK(reply.names().size() == 2);
}

TEST_CASE("events for a death are appended with it only", "[jobs][effects]") {
  Reply reply;
  const auto fail = [&](const Lease& lease) {
    FailRequest failed;
    failed.lease = lease;
    failed.error_code = "unavailable";
    failed.events_if_dead = {reply.unfinished(lease.root)};
    failed.events_if_dead[0].timestamp = 7;
    const auto result = reply.lane.store().fail(failed);
    REQUIRE(result);
    reply.lane.beat(kLane);
    return result->dead;
  };
  CHECK_FALSE(fail(reply.lane.take_one(kLane)));
  CHECK_FALSE(fail(reply.lane.take_one(kLane)));
  CHECK(reply.names().empty());
  CHECK(fail(reply.lane.take_one(kLane)));
  CHECK(reply.names().size() == 1);
}

TEST_CASE("events of a completion are appended once", "[jobs][effects]") {
  Reply reply;
  const Lease lease = reply.lane.take_one(kLane);
  CompletedJob completed;
  completed.id = lease.id;
  completed.token = lease.token;
  completed.outcome = "replied";
  completed.events = {reply.shown(lease.root)};
  reply.lane.complete(completed, kLane);
  reply.lane.complete(completed, kLane);
  completed.token += 1;
  CHECK(reply.lane.complete(completed, kLane).stale.size() == 1);
  CHECK(reply.names().size() == 1);
}

}  // namespace
}  // namespace deskwire::testing
