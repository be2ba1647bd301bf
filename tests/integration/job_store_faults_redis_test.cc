// What a RedisJobStore does when Redis is full, goes away or holds garbage.
#include "core/channel.h"
#include "core/ids.h"
#include "jobs/keys.h"
#include "jobs/redis_job_store.h"
#include "tests/support/catch.h"
#include "tests/support/lane_check.h"
#include "tests/support/redis_job_harness.h"

namespace deskwire::testing {
namespace {

using namespace jobs;

const std::string kLane = "42";
constexpr Milliseconds kPatience{20000};

TEST_CASE("case 27: a full Redis refuses new work and lets jobs finish", "[jobs][full][redis]") {
  LaneDriver lane;
  auto& harness = static_cast<RedisJobHarness&>(lane.harness());
  lane.enqueue(kLane);
  lane.enqueue(kLane);
  const Lease lease = lane.take_one(kLane);
  const auto limit = [&](const std::string& bytes) {
    harness.ask({"CONFIG", "SET", "maxmemory", bytes});
  };
  limit("1");
  const auto refused = lane.store().enqueue(lane.request(kLane));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kFull);
  Event unfinished;
  unfinished.channel = conversation_channel(kLane);
  REQUIRE(lane.store().intend(lease, "fx", "text", {}, unfinished));
  lane.complete(lease);
  const Lease second = lane.take_one(kLane);
  CHECK_FALSE(lane.fail(second, FailureClass::kRetryable).stale);
  lane.beat(kLane);
  CHECK(lane.take(kLane).size() == 1);
  CHECK(lane.store().replay(lease.id, false, "ann", "").error().code == ErrorCode::kFull);
  limit("0");
  lane.enqueue(kLane);
  lane.require_sound();
}

TEST_CASE("a Redis that is killed between lease and completion loses nothing",
          "[jobs][restart][redis]") {
  RedisServer server({"--appendonly", "yes", "--appendfsync", "always"});
  SystemClock clock;
  redis::Client client(server.options());
  RedisJobStore store(client, clock, LaneLimits{});
  client.start();
  REQUIRE(client.wait_connected(kPatience));
  const int shard = shard_of_lane(kLane);
  const WorkerId worker("w");
  EnqueueRequest request;
  request.lane = kLane;
  request.receipt = new_job_id(clock.wall_ms(), shard).str();
  request.kind = "reply";
  request.payload = "p";
  REQUIRE(store.enqueue(request));
  const auto leased = store.step({shard, worker, 1, {}, 1});
  REQUIRE(leased);
  REQUIRE(leased->leases.size() == 1);

  server.kill();
  // Depending on whether the loss was noticed before the call, either code is right.
  const auto failed = store.step({shard, worker, 2, {}, 1});
  REQUIRE_FALSE(failed);
  CHECK((failed.error().code == ErrorCode::kUnavailable ||
         failed.error().code == ErrorCode::kTimeout));
  const auto not_taken = store.enqueue(request);
  REQUIRE_FALSE(not_taken);

  server.restart();
  REQUIRE(client.wait_connected(kPatience));
  const auto repeated = store.step({shard, worker, 1, {}, 1});
  REQUIRE(repeated);
  REQUIRE(repeated->leases.size() == 1);
  CHECK(repeated->leases[0].token == leased->leases[0].token);
  const auto again = store.enqueue(request);
  REQUIRE(again);
  CHECK_FALSE(again->duplicate);
  const Lease& lease = repeated->leases[0];
  CompletedJob done;
  done.id = lease.id;
  done.token = lease.token;
  done.outcome = "replied";
  const auto completed = store.step({shard, worker, 2, {done}, 1});
  REQUIRE(completed);
  CHECK(completed->stale.empty());
  CHECK(completed->leases.empty());
  CHECK(lane_violations(client).empty());
}

TEST_CASE("garbage under our keys is an error or ignored, never a crash",
          "[jobs][garbage][redis]") {
  LaneDriver lane;
  auto& harness = static_cast<RedisJobHarness&>(lane.harness());
  const std::string prefix = keys::prefix(shard_of_lane(kLane));
  const std::string id = lane.enqueue(kLane);
  const JobId job(id);

  SECTION("a lane that is no list fails its own requests only") {
    const std::string other = lane_beside(0);
    harness.ask({"SET", prefix + "l:" + other, "garbage"});
    const auto broken = lane.store().enqueue(lane.request(other));
    REQUIRE_FALSE(broken);
    CHECK(broken.error().code == ErrorCode::kCorrupt);
    CHECK(lane.take_one(kLane).id == job);
  }
  SECTION("ids without a job are skipped") {
    harness.ask({"LPUSH", prefix + "l:" + kLane, "nothing", ""});
    CHECK(lane.take(kLane).empty());
    CHECK(lane.take_one(kLane).id == job);
  }
  SECTION("an empty lane in line is skipped") {
    harness.ask({"LPUSH", prefix + "ready", "never-heard-of"});
    CHECK(lane.take(kLane).empty());
    CHECK(lane.take_one(kLane).id == job);
  }
  SECTION("an expired lease of nothing is dropped") {
    harness.ask({"ZADD", prefix + "lease", "1", "never-heard-of"});
    harness.ask({"ZADD", prefix + "timers", "1", "r:never-heard-of", "1", "other"});
    CHECK(lane.beat(kLane).reclaimed == 0);
    CHECK(lane.take_one(kLane).id == job);
  }
  SECTION("a job of another shape") {
    harness.ask({"HSET", keys::job(shard_of_lane(kLane), job), "s", "?", "a", "many", "t", "soon"});
    CHECK(lane.store().get(job).error().code == ErrorCode::kCorrupt);
    CHECK(lane.store().list({}).has_value());
    CHECK(lane.store().retry_now(job, "ann", "test").error().code == ErrorCode::kCorrupt);
  }
  SECTION("a job that is no hash is skipped like one that is not there, and its lane goes on") {
    const std::string next = lane.enqueue(kLane);
    harness.ask({"SET", keys::job(shard_of_lane(kLane), job), "garbage"});
    CHECK(lane.store().get(job).error().code == ErrorCode::kCorrupt);
    CHECK(lane.take(kLane).empty());
    CHECK(lane.take_one(kLane).id.str() == next);
  }
  SECTION("a payload that cannot be read buries the job, and the lane goes on") {
    const std::string next = lane.enqueue(kLane);
    harness.ask({"SET", keys::payload(shard_of_lane(kLane), job), "zgarbage"});
    CHECK(lane.take(kLane).empty());
    CHECK(lane.job(id).state == JobState::kDead);
    CHECK(lane.job(id).error_code == "corrupt");
    CHECK(lane.take_one(kLane).id.str() == next);
  }
  SECTION("effects and memos of another shape") {
    const Lease lease = lane.take_one(kLane);
    harness.ask({"SET", prefix + "fx:fx", "garbage"});
    harness.ask({"HSET", prefix + "x:" + id, "u", "garbage"});
    Event unfinished;
    unfinished.channel = conversation_channel(kLane);
    REQUIRE(lane.store().intend(lease, "fx", "text", {}, unfinished));
    harness.ask({"HSET", prefix + "x:" + id, "u", "garbage"});
    CHECK(lane.fail(lease, FailureClass::kPermanent).dead);
  }
}

}  // namespace
}  // namespace deskwire::testing
