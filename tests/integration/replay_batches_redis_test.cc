// Bulk replays on a real Redis: gone on with, cancelled, never twice.
#include <cstdlib>
#include <set>

#include "core/channel.h"
#include "core/ids.h"
#include "jobs/effects.h"
#include "jobs/replay_batches.h"
#include "tests/support/catch.h"
#include "tests/support/redis_job_harness.h"

namespace deskwire::testing {
namespace {

using namespace jobs;

const Operator kAnn{"ann", "the token is renewed"};

/// Dead jobs of many conversations.
class DeadJobs {
 public:
  explicit DeadJobs(int count) {
    for (int i = 0; i < count; ++i) {
      EnqueueRequest request = lane.request("c" + std::to_string(i));
      request.bury_code = "unauthorized";
      ids.emplace_back(lane.enqueue(request).job);
    }
  }
  RedisJobHarness& redis() { return static_cast<RedisJobHarness&>(lane.harness()); }
  std::vector<Job> found() {
    JobFilter filter;
    filter.state = JobState::kDead;
    filter.limit = 10000;
    return lane.store().list(filter).value();
  }

  LaneDriver lane;
  std::vector<JobId> ids;
  SystemClock clock;
  ReplayBatches batches{redis().client(), clock, LaneLimits{}};
};

TEST_CASE("a bulk replay that was interrupted goes on where it was, and repeats nothing",
          "[jobs][batch][redis]") {
  DeadJobs dead(30);
  ReplayBatch batch = dead.batches.create(dead.found(), false, kAnn).value();
  CHECK(batch.total == 30);
  const std::vector<JobId> first = dead.batches.next(batch, 10).value();
  REQUIRE(first.size() == 10);
  std::set<JobId> made;
  for (const JobId& id : first) made.insert(dead.batches.replay(batch, id).value());
  // The runner dies here, before it could say so; another one begins anew.
  for (const JobId& id : made) {
    const Job job = dead.lane.job(id.str());
    dead.lane.complete(dead.lane.take_one(job.lane));
  }
  ReplayBatch taken_over = dead.batches.find(batch.id).value();
  CHECK(taken_over.left == 30);
  CHECK(taken_over.by.actor == "ann");
  while (taken_over.left > 0) {
    const std::vector<JobId> next = dead.batches.next(taken_over, 10).value();
    for (const JobId& id : next) made.insert(dead.batches.replay(taken_over, id).value());
    REQUIRE(dead.batches.advance(taken_over, next, next.size(), 0));
  }
  CHECK(made.size() == 30);
  CHECK(taken_over.state == ReplayBatch::State::kDone);
  CHECK(dead.batches.find(batch.id)->state == ReplayBatch::State::kDone);
  CHECK(dead.batches.cancel(batch.id, kAnn).error().code == ErrorCode::kConflict);
  CHECK(dead.lane.operators().audit({})->size() == 30);
  CHECK(dead.lane.operators().audit({})->at(0).batch == batch.id);
  dead.lane.require_sound();
}

TEST_CASE("two runners of one bulk replay skip no job and replay none twice",
          "[jobs][batch][redis]") {
  DeadJobs dead(20);
  ReplayBatch mine = dead.batches.create(dead.found(), false, kAnn).value();
  ReplayBatch theirs = dead.batches.find(mine.id).value();
  std::set<JobId> made;
  const auto run = [&](ReplayBatch& batch, const std::vector<JobId>& piece) {
    for (const JobId& id : piece) made.insert(dead.batches.replay(batch, id).value());
    REQUIRE(dead.batches.advance(batch, piece, piece.size(), 0));
  };
  // Both have taken the same piece before either has noted it.
  const std::vector<JobId> my_piece = dead.batches.next(mine, 10).value();
  const std::vector<JobId> their_piece = dead.batches.next(theirs, 5).value();
  run(theirs, their_piece);
  run(mine, my_piece);
  CHECK(mine.left == 15);
  while (mine.left > 0) run(mine, dead.batches.next(mine, 10).value());
  CHECK(made.size() == 20);
  CHECK(dead.lane.store().counts()->at("available") == 20);
  dead.lane.require_sound();
}

/// As many as DESKWIRE_REPLAYS says; each call to Redis deals with a bounded number of them.
int replays_wanted() {
  const char* wanted = std::getenv("DESKWIRE_REPLAYS");
  return wanted == nullptr ? 1500 : std::atoi(wanted);
}

TEST_CASE(
    "case 29: thousands of replays at once: each once, no call with more than a piece of them",
    "[jobs][cases][batch][redis]") {
  const int many = replays_wanted();
  LaneDriver lane;
  RedisJobHarness& redis = static_cast<RedisJobHarness&>(lane.harness());
  SystemClock clock;
  ReplayBatches batches(redis.client(), clock, LaneLimits{});
  for (int i = 0; i < many; ++i) {
    EnqueueRequest request = lane.request("c" + std::to_string(i % 500));
    request.bury_code = "unavailable";
    lane.enqueue(request);
  }
  JobFilter filter;
  filter.state = JobState::kDead;
  filter.limit = 1'000'000;
  redis.ask({"CONFIG", "RESETSTAT"});
  redis.ask({"CONFIG", "SET", "slowlog-max-len", "10"});
  redis.ask({"CONFIG", "SET", "slowlog-log-slower-than", "5000"});
  redis.ask({"SLOWLOG", "RESET"});
  const std::vector<Job> dead = lane.store().list(filter).value();
  REQUIRE(dead.size() == static_cast<std::size_t>(many));
  REQUIRE(batches.prospects(dead)->size() == dead.size());
  ReplayBatch batch = batches.create(dead, false, kAnn).value();
  std::set<JobId> made;
  while (batch.left > 0) {
    const std::vector<JobId> piece = batches.next(batch, 50).value();
    REQUIRE(piece.size() <= 50);
    for (const JobId& id : piece) made.insert(batches.replay(batch, id).value());
    REQUIRE(batches.advance(batch, piece, piece.size(), 0));
  }
  CHECK(made.size() == dead.size());
  // Shown, not required: on a busy machine any call may be slow.
  if (std::getenv("DESKWIRE_REPLAYS") != nullptr) {
    WARN(many << " replays, calls over 5 ms: " << redis.ask({"SLOWLOG", "LEN"}).integer);
  }
  redis.ask({"CONFIG", "SET", "slowlog-log-slower-than", "10000"});
  CHECK(lane.store().counts()->at("available") == many);
  lane.require_sound();
}

TEST_CASE("whoever runs a bulk replay learns that it was cancelled", "[jobs][batch][redis]") {
  DeadJobs dead(5);
  ReplayBatch batch = dead.batches.create(dead.found(), false, kAnn).value();
  const ReplayBatch cancelled = dead.batches.cancel(batch.id, {"bob", "wrong filter"}).value();
  CHECK(cancelled.state == ReplayBatch::State::kCancelled);
  CHECK(cancelled.left == 5);
  REQUIRE(dead.batches.cancel(batch.id, {"bob", "again"}));
  REQUIRE(dead.batches.advance(batch, dead.batches.next(batch, 1).value(), 1, 0));
  CHECK(batch.state == ReplayBatch::State::kCancelled);
  CHECK(batch.left == 4);
  const auto entries = dead.lane.operators().audit({}).value();
  REQUIRE(entries.size() == 1);
  CHECK(entries[0].verb == "cancel");
  CHECK(entries[0].batch == batch.id);
  CHECK(entries[0].by.actor == "bob");
  CHECK(dead.batches.find("01J00000000000000000000000").error().code == ErrorCode::kNotFound);
  CHECK(dead.batches.find("nothing").error().code == ErrorCode::kNotFound);
}

TEST_CASE("a prospect tells what a replay would find", "[jobs][batch][redis]") {
  DeadJobs dead(3);
  EnqueueRequest news = dead.lane.request("c0");
  news.kind.clear();
  news.state = ConversationState{};
  news.state->status = "open";
  news.state->last_message_id = "501";
  news.echo = {"501", "dw-" + dead.ids[0].str() + "-1"};
  dead.lane.enqueue(news);
  const JobId replay = dead.lane.store().replay(dead.ids[1], false, "ann", "").value();
  const auto prospects = dead.batches.prospects(dead.found()).value();
  REQUIRE(prospects.size() == 3);
  for (const Prospect& prospect : prospects) {
    CHECK(prospect.job.payload == "p");
    CHECK((prospect.conversation.status == "open") == (prospect.job.id == dead.ids[0]));
    CHECK(prospect.last_message_is_ours == (prospect.job.id == dead.ids[0]));
    CHECK(prospect.replay.has_value() == (prospect.job.id == dead.ids[1]));
    CHECK_FALSE(prospect.effect_done);
  }
  const Lease lease = dead.lane.take_one("c1");
  CHECK(lease.id == replay);
  Event unfinished;
  unfinished.channel = conversation_channel("c1");
  const std::string effect = effect_key(lease.root.str());
  REQUIRE(dead.lane.store().intend(lease, effect, "text", {}, unfinished));
  CompletedJob completed;
  completed.id = lease.id;
  completed.token = lease.token;
  completed.outcome = "replied";
  completed.effect = effect;
  completed.remote_id = "502";
  completed.our_message_id = "dw-x";
  dead.lane.complete(completed, "c1");
  const auto after = dead.batches.prospects({dead.lane.job(dead.ids[1].str())}).value();
  REQUIRE(after.size() == 1);
  CHECK(after[0].effect_done);
  CHECK(after[0].replay == JobState::kCompleted);
}

TEST_CASE("dead jobs of any number are listed, each once", "[jobs][list][redis]") {
  LaneDriver lane;
  constexpr int kDead = 2300;
  const std::string name = "42";
  for (int i = 0; i < kDead; ++i) {
    EnqueueRequest request = lane.request(name);
    request.bury_code = i % 2 == 0 ? "unauthorized" : "unparsable";
    lane.enqueue(request);
  }
  JobFilter filter;
  filter.state = JobState::kDead;
  filter.limit = 10000;
  std::set<JobId> ids;
  const std::vector<Job> all = lane.store().list(filter).value();
  for (const Job& job : all) ids.insert(job.id);
  CHECK(all.size() == kDead);
  CHECK(ids.size() == kDead);
  filter.error_code = "unauthorized";
  CHECK(lane.store().list(filter)->size() == kDead / 2);
  filter.until_ms = 1;
  CHECK(lane.store().list(filter)->empty());
  filter.until_ms = 0;
  filter.limit = 7;
  CHECK(lane.store().list(filter)->size() == 7);
}

}  // namespace
}  // namespace deskwire::testing
