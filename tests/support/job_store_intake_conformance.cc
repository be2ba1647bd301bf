// Conformance of a JobStore: enqueue, dedupe, conversation state, operators' verbs.
#include <algorithm>

#include "core/channel.h"
#include "core/ids.h"
#include "jobs/effects.h"
#include "tests/support/catch.h"
#include "tests/support/job_store_conformance.h"

namespace deskwire::testing {
namespace {

using namespace jobs;

const std::string kLane = "42";

Event event(const std::string& id, const std::string& name = "message:user") {
  Event event;
  event.channel = conversation_channel(kLane);
  event.id = id;
  event.name = name;
  event.timestamp = 5;
  event.data = R"({"n":9007199254740993,"timestamp":5})";
  return event;
}

TEST_CASE("case 3: a resend of the same receipt is recognised as itself", "[jobs][dedupe]") {
  LaneDriver lane;
  EnqueueRequest request = lane.request(kLane);
  SECTION("with dedupe keys") { request.dedupe_keys = {"delivery:1", "message:7"}; }
  SECTION("without any") {}
  request.events = {event("e1")};
  request.fact = R"({"fact":1})";
  const EnqueueResult first = lane.enqueue(request);
  CHECK(first.job == request.receipt);
  CHECK(first.offsets == std::vector<std::uint64_t>{1});
  const EnqueueResult again = lane.enqueue(request);
  CHECK(again.job == first.job);
  CHECK_FALSE(again.duplicate);
  CHECK(lane.harness().shown(conversation_channel(kLane)).size() == 1);
  CHECK(lane.harness().facts(kLane).size() == 1);
  lane.complete(lane.take_one(kLane));
  CHECK(lane.take(kLane).empty());
  CHECK_FALSE(lane.enqueue(request).duplicate);
  CHECK(lane.take(kLane).empty());
}

TEST_CASE("the same event through two doors makes one job", "[jobs][dedupe]") {
  LaneDriver lane;
  EnqueueRequest first = lane.request(kLane);
  first.dedupe_keys = {"delivery:a", "message:7"};
  first.events = {event("e1")};
  EnqueueRequest second = lane.request(kLane);
  second.dedupe_keys = {"delivery:b", "message:7"};
  second.events = {event("e2")};
  const std::string id = lane.enqueue(first).job;
  const EnqueueResult duplicate = lane.enqueue(second);
  CHECK(duplicate.duplicate);
  CHECK(duplicate.job == id);
  CHECK(duplicate.offsets.empty());
  CHECK(lane.harness().shown(conversation_channel(kLane)).size() == 1);

  EnqueueRequest third = lane.request(kLane);
  third.dedupe_keys = {"delivery:b"};
  CHECK(lane.enqueue(third).job == id);
}

/// Offset of the edit that news of a message were, 0 when they were none.
std::uint64_t edit_of(LaneDriver& lane, const std::string& message, const std::string& content,
                      bool assume_edit = false) {
  EnqueueRequest news = lane.request(kLane);
  news.kind.clear();
  news.text =
      MessageText{message, content, event("edit " + news.receipt, "message:edited"), assume_edit};
  const auto offsets = lane.enqueue(news).offsets;
  return offsets.empty() ? 0 : offsets.front();
}

void first_text(LaneDriver& lane, const std::string& message, const std::string& content) {
  EnqueueRequest first = lane.request(kLane);
  first.kind.clear();
  first.text = MessageText{message, content, std::nullopt, false, false};
  CHECK(lane.enqueue(first).offsets.empty());
}

TEST_CASE("news of a message are an edit when it says something else", "[jobs][edits]") {
  LaneDriver lane;
  first_text(lane, "7", "Hello");
  first_text(lane, "8", "Hello");
  CHECK(edit_of(lane, "7", "Hello") == 0);
  CHECK(edit_of(lane, "7", "Hello", true) == 0);
  CHECK(edit_of(lane, "7", "Hello!") == 1);
  CHECK(edit_of(lane, "7", "Hello!") == 0);
  CHECK(edit_of(lane, "8", "Hello") == 0);
  // Back again is an edit, and so is the way there the second time.
  CHECK(edit_of(lane, "7", "Hello") == 2);
  CHECK(edit_of(lane, "7", "Hello!") == 3);
}

TEST_CASE("what nobody remembers is an edit only when that may be assumed", "[jobs][edits]") {
  LaneDriver lane;
  CHECK(edit_of(lane, "7", "Hello") == 0);
  CHECK(edit_of(lane, "7", "Hello!") == 1);
  CHECK(edit_of(lane, "8", "Hello", true) == 2);
  CHECK(edit_of(lane, "8", "Hello", true) == 0);
}

TEST_CASE("an edit differs from what was shown last, also by a first text that came late",
          "[jobs][edits]") {
  LaneDriver lane;
  CHECK(edit_of(lane, "7", "new", true) == 1);
  first_text(lane, "7", "old");
  CHECK(edit_of(lane, "7", "new") == 2);
}

TEST_CASE("what is deleted is not edited any more", "[jobs][edits]") {
  LaneDriver lane;
  first_text(lane, "7", "Hello");
  EnqueueRequest gone = lane.request(kLane);
  gone.kind.clear();
  gone.text = MessageText{"7", {}, std::nullopt, false, true};
  lane.enqueue(gone);
  CHECK(edit_of(lane, "7", "Hello", true) == 0);
  CHECK(edit_of(lane, "7", "Hello!", true) == 0);
}

TEST_CASE("the newest 64 texts of a conversation are remembered", "[jobs][edits]") {
  LaneDriver lane;
  for (int i = 1; i <= 500; ++i) first_text(lane, std::to_string(i), "Hello");
  std::uint64_t edits = 0;
  for (int i = 437; i <= 500; ++i) {
    const std::uint64_t offset = edit_of(lane, std::to_string(i), "Bye");
    CHECK(offset == ++edits);
  }
}

TEST_CASE("a duplicate of a delivery without a job has none either", "[jobs][dedupe]") {
  LaneDriver lane;
  EnqueueRequest request = lane.request(kLane);
  request.kind.clear();
  request.dedupe_keys = {"delivery:a"};
  request.events = {event("e1"), event("t1", "typing:start"), event("e2")};
  const EnqueueResult first = lane.enqueue(request);
  CHECK(first.job.empty());
  CHECK_FALSE(first.duplicate);
  CHECK(first.offsets == std::vector<std::uint64_t>{1, 0, 2});
  request.receipt = lane.request(kLane).receipt;
  const EnqueueResult second = lane.enqueue(request);
  CHECK(second.job.empty());
  CHECK(second.duplicate);
  const auto shown = lane.harness().shown(conversation_channel(kLane));
  REQUIRE(shown.size() == 2);
  CHECK(shown[1].id == "e2");
  CHECK(shown[1].data.find("9007199254740993") != std::string::npos);
}

TEST_CASE("case 30: an unparsable delivery goes to the dead letters and holds up nobody",
          "[jobs][dead]") {
  LaneDriver lane;
  EnqueueRequest request = lane.request(kLane, "{\"odd\":true}");
  request.bury_code = "unparsable";
  request.bury_message = "no conversation";
  const std::string id = lane.enqueue(request).job;
  CHECK(id == request.receipt);
  const Job job = lane.job(id);
  CHECK(job.state == JobState::kDead);
  CHECK(job.error_code == "unparsable");
  CHECK(job.error_message == "no conversation");
  CHECK(job.payload == "{\"odd\":true}");
  CHECK(lane.take(kLane).empty());
  lane.require_sound();
  const auto replayed = lane.store().replay(JobId(id), false, "ann", "after an upgrade");
  REQUIRE(replayed);
  CHECK(lane.take_one(kLane).payload == "{\"odd\":true}");
}

TEST_CASE("a full lane refuses, other lanes do not", "[jobs][limits]") {
  LaneLimits limits;
  limits.max_lane_jobs = 2;
  LaneDriver lane(limits);
  lane.enqueue(kLane);
  lane.enqueue(kLane);
  EnqueueRequest request = lane.request(kLane);
  request.dedupe_keys = {"delivery:a"};
  const auto refused = lane.store().enqueue(request);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kRateLimited);
  lane.enqueue(lane_beside(0));
  lane.complete(lane.take_one(kLane));
  CHECK_FALSE(lane.enqueue(request).duplicate);
}

TEST_CASE("what belongs to another shard is refused", "[jobs][limits]") {
  LaneDriver lane;
  EnqueueRequest request = lane.request(kLane);
  SECTION("a receipt") {
    request.receipt = new_job_id(1, (shard_of_lane(kLane) + 1) % kShardCount).str();
  }
  SECTION("garbage for a receipt") { request.receipt = "nonsense"; }
  SECTION("no lane") { request.lane.clear(); }
  SECTION("an event's channel") {
    request.events = {event("e1")};
    int other = 0;
    while (shard_of_lane(std::to_string(other)) == shard_of_lane(kLane)) ++other;
    request.events[0].channel = conversation_channel(std::to_string(other));
  }
  const auto refused = lane.store().enqueue(request);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kInvalid);
}

TEST_CASE("conversation state: newer status wins, larger message id wins, empty keeps",
          "[jobs][state]") {
  LaneDriver lane;
  const auto tell = [&](const ConversationState& state) {
    EnqueueRequest request = lane.request(kLane);
    request.kind.clear();
    request.state = state;
    lane.enqueue(request);
    const auto known = lane.store().conversation(kLane);
    REQUIRE(known);
    return *known;
  };
  ConversationState news;
  news.status = "pending";
  news.assignee_type = "user";
  news.assignee_id = "7";
  news.last_sender = "contact";
  news.last_message_id = "9007199254740993";
  news.contact_name = "Ann";
  news.source = "main";
  news.updated_at_ms = 2000;
  tell(news);

  ConversationState late;
  late.status = "open";
  late.last_sender = "user";
  late.last_message_id = "9007199254740992";
  late.updated_at_ms = 1999;
  ConversationState known = tell(late);
  CHECK(known.status == "pending");
  CHECK(known.assignee_id == "7");
  CHECK(known.last_sender == "contact");
  CHECK(known.last_message_id == "9007199254740993");
  CHECK(known.contact_name == "Ann");
  CHECK(known.source == "main");
  CHECK(known.updated_at_ms == 2000);

  ConversationState newer;
  newer.status = "open";
  newer.assignee_type = "none";
  newer.last_sender = "bot";
  newer.last_message_id = "10000000000000000000";
  newer.updated_at_ms = 10000;
  known = tell(newer);
  CHECK(known.status == "open");
  CHECK(known.assignee_type == "none");
  CHECK(known.assignee_id.empty());
  CHECK(known.last_sender == "bot");
  CHECK(known.updated_at_ms == 10000);
  CHECK(lane.store().conversation("never-heard-of").value().status.empty());
}

TEST_CASE("a replay is a new job with the same payload and root", "[jobs][replay]") {
  LaneDriver lane;
  const std::string id = lane.enqueue(kLane, "again please");
  CHECK(lane.store().replay(JobId(id), false, "ann", "test").error().code == ErrorCode::kConflict);
  lane.complete(lane.take_one(kLane));
  const auto replayed = lane.store().replay(JobId(id), false, "ann", "test");
  REQUIRE(replayed);
  CHECK(*replayed != JobId(id));
  CHECK(lane.store().replay(JobId(id), false, "ann", "test").value() == *replayed);

  Lease lease = lane.take_one(kLane);
  CHECK(lease.id == *replayed);
  CHECK(lease.root.str() == id);
  CHECK(lease.payload == "again please");
  CHECK(lane.job(replayed->str()).parent.str() == id);
  lane.complete(lease);

  const auto of_replay = lane.store().replay(*replayed, false, "ann", "test");
  REQUIRE(of_replay);
  lease = lane.take_one(kLane);
  CHECK(lease.root.str() == id);
  lane.complete(lease);

  const auto with_own_root = lane.store().replay(*replayed, true, "ann", "test");
  REQUIRE(with_own_root);
  lease = lane.take_one(kLane);
  CHECK(lease.root == lease.id);
  CHECK(lane.store().replay(new_job_id(1, 3), false, "ann", "").error().code ==
        ErrorCode::kNotFound);
  CHECK(lane.store().replay(JobId("garbage"), false, "ann", "").error().code ==
        ErrorCode::kNotFound);
  lane.require_sound();
}

TEST_CASE("a retry by hand is due at once and only for jobs that wait", "[jobs][retry]") {
  LaneDriver lane;
  const std::string id = lane.enqueue(kLane);
  CHECK(lane.store().retry_now(JobId(id), "ann", "test").error().code == ErrorCode::kConflict);
  lane.fail(lane.take_one(kLane), FailureClass::kRetryable, Milliseconds{3'600'000});
  REQUIRE(lane.store().retry_now(JobId(id), "ann", "test"));
  CHECK(lane.beat(kLane).next_due_ms == 0);
  lane.complete(lane.take_one(kLane));
  CHECK(lane.store().retry_now(JobId(id), "ann", "test").error().code == ErrorCode::kConflict);
  CHECK(lane.store().retry_now(new_job_id(1, 0), "ann", "test").error().code ==
        ErrorCode::kNotFound);
}

TEST_CASE("jobs are listed newest first, by filter, over all shards", "[jobs][list]") {
  LaneDriver lane;
  std::vector<std::string> ids;
  for (int i = 0; i < 40; ++i) ids.push_back(lane.enqueue("c" + std::to_string(i)));
  const std::string running = lane.enqueue(kLane);
  EnqueueRequest odd = lane.request(kLane);
  odd.bury_code = "unparsable";
  const std::string dead = lane.enqueue(odd).job;
  EnqueueRequest later = lane.request(lane_beside(3));
  later.delay = Milliseconds{3'600'000};
  later.kind = "other";
  const std::string scheduled = lane.enqueue(later).job;
  const auto only = [&](const JobFilter& filter) {
    const auto jobs = lane.store().list(filter);
    REQUIRE(jobs);
    std::vector<std::string> found;
    for (const Job& job : *jobs) found.push_back(job.id.str());
    CHECK(std::is_sorted(found.rbegin(), found.rend()));
    return found;
  };
  JobFilter filter;
  CHECK(only(filter).size() == 43);
  filter.limit = 5;
  CHECK(only(filter).size() == 5);
  filter.state = JobState::kDead;
  CHECK(only(filter) == std::vector<std::string>{dead});
  filter.state = JobState::kScheduled;
  CHECK(only(filter) == std::vector<std::string>{scheduled});
  filter = {};
  filter.kind = "other";
  CHECK(only(filter) == std::vector<std::string>{scheduled});
  filter = {};
  filter.lane = kLane;
  CHECK(only(filter).size() == 2);
  filter.error_code = "unparsable";
  CHECK(only(filter) == std::vector<std::string>{dead});
  filter = {};
  filter.since_ms = lane.job(running).created_at_ms + 3'600'000;
  CHECK(only(filter).empty());

  const auto counts = lane.store().counts();
  REQUIRE(counts);
  CHECK(counts->at("available") == 41);
  CHECK(counts->at("scheduled") == 1);
  CHECK(counts->at("dead") == 1);
  CHECK(counts->at("running") == 0);
}

}  // namespace
}  // namespace deskwire::testing
