// fsck finds what contradicts the invariant, repairs it, and leaves what is sound alone.
#include "core/channel.h"
#include "jobs/fsck.h"
#include "jobs/keys.h"
#include "tests/support/catch.h"
#include "tests/support/redis_job_harness.h"

namespace deskwire::testing {
namespace {

using namespace jobs;

const std::string kLane = "42";
const Operator kAnn{"ann", "after the move"};

struct Damaged {
  Damaged() {
    for (int i = 0; i < 3; ++i) ids.push_back(lane.enqueue(kLane));
    lane.enqueue("other");
    lane.complete(lane.take_one("other"));
    EnqueueRequest delayed = lane.request("delayed");
    delayed.delay = Milliseconds{60000};
    lane.enqueue(delayed);
  }
  redis::Reply ask(redis::Command command) { return redis().ask(std::move(command)); }
  RedisJobHarness& redis() { return static_cast<RedisJobHarness&>(lane.harness()); }
  FsckReport run(bool repair) {
    const auto report = fsck(redis().client(), repair, kAnn);
    INFO((report ? std::string() : report.error().message));
    REQUIRE(report);
    return *report;
  }
  /// Found by a look, repaired by a repair, and after it all is sound.
  void require_mended(std::size_t findings) {
    const FsckReport seen = run(false);
    CHECK(seen.findings == findings);
    CHECK(seen.repaired == 0);
    CHECK(run(false).findings == findings);
    const FsckReport mended = run(true);
    CHECK(mended.repaired >= findings);
    // Counters are compared with the next one, when nothing moves any more.
    run(true);
    const FsckReport after = run(false);
    CHECK(after.findings == 0);
    CHECK(after.shards_not_counted == 0);
    lane.require_sound();
    const auto entries = lane.operators().audit({}).value();
    REQUIRE_FALSE(entries.empty());
    CHECK(entries[0].verb == "fsck");
    CHECK(entries[0].by.actor == "ann");
  }

  LaneDriver lane;
  std::vector<std::string> ids;
  const std::string prefix = keys::prefix(shard_of_lane(kLane));
};

TEST_CASE("fsck finds nothing where nothing is wrong", "[jobs][fsck][redis]") {
  Damaged sound;
  REQUIRE(sound.lane.operators().halt({HaltScope::kKind, "reply"}, kAnn));
  CHECK(sound.lane.take(kLane).empty());
  const FsckReport report = sound.run(true);
  CHECK(report.findings == 0);
  CHECK(report.jobs == 5);
  CHECK(report.lanes == 2);
  CHECK(report.shards_not_counted == 0);
  CHECK(sound.lane.operators().audit({})->size() == 1);
}

TEST_CASE("fsck brings back a lane that is nowhere", "[jobs][fsck][redis]") {
  Damaged damaged;
  damaged.ask({"DEL", damaged.prefix + "ready"});
  damaged.require_mended(1);
  CHECK(damaged.lane.take_one(kLane).id.str() == damaged.ids[0]);
}

TEST_CASE("fsck leaves a lane in one place", "[jobs][fsck][redis]") {
  Damaged damaged;
  damaged.ask({"RPUSH", damaged.prefix + "ready", kLane});
  damaged.ask({"ZADD", damaged.prefix + "timers", "5", "r:" + kLane});
  damaged.require_mended(1);
}

TEST_CASE("fsck hands on a running job whose lease is gone", "[jobs][fsck][redis]") {
  Damaged damaged;
  damaged.lane.take_one(kLane);
  damaged.ask({"ZREM", damaged.prefix + "lease", kLane});
  damaged.require_mended(1);
  CHECK(damaged.lane.beat(kLane).reclaimed == 1);
  CHECK(damaged.lane.take_one(kLane).id.str() == damaged.ids[0]);
}

TEST_CASE("fsck forgets a lane that is in line without a job", "[jobs][fsck][redis]") {
  Damaged damaged;
  damaged.ask({"RPUSH", damaged.prefix + "ready", "never-heard-of"});
  damaged.require_mended(1);
}

TEST_CASE("fsck takes out of a lane what does not belong there", "[jobs][fsck][redis]") {
  Damaged damaged;
  damaged.ask({"RPUSH", damaged.prefix + "l:" + kLane, "garbage", damaged.ids[0]});
  damaged.require_mended(2);
  CHECK(damaged.lane.take_one(kLane).id.str() == damaged.ids[0]);
}

TEST_CASE("fsck puts a waiting job back into its lane", "[jobs][fsck][redis]") {
  Damaged damaged;
  damaged.ask({"LREM", damaged.prefix + "l:" + kLane, "0", damaged.ids[1]});
  damaged.require_mended(1);
  for (const std::size_t next : {0U, 2U, 1U}) {
    const Lease lease = damaged.lane.take_one(kLane);
    CHECK(lease.id.str() == damaged.ids.at(next));
    damaged.lane.complete(lease);
  }
}

TEST_CASE("fsck mends what is kept of finished jobs", "[jobs][fsck][redis]") {
  Damaged damaged;
  damaged.lane.complete(damaged.lane.take_one(kLane));
  damaged.ask({"ZREM", damaged.prefix + "done", damaged.ids[0]});
  damaged.ask({"ZADD", damaged.prefix + "dead", "1", "never-heard-of"});
  damaged.require_mended(2);
}

TEST_CASE("fsck recounts", "[jobs][fsck][redis]") {
  Damaged damaged;
  damaged.ask({"HINCRBY", damaged.prefix + "counts", "a:reply", "7"});
  damaged.require_mended(1);
  CHECK(damaged.lane.store().counts()->at("available") == 3);
}

TEST_CASE("fsck tells of a job without a payload, which nobody can mend", "[jobs][fsck][redis]") {
  Damaged damaged;
  damaged.ask({"DEL", damaged.prefix + "p:" + damaged.ids[0]});
  const FsckReport report = damaged.run(true);
  CHECK(report.findings == 1);
  CHECK(report.repaired == 0);
  CHECK(report.list.at(0).what.find("has no payload") != std::string::npos);
}

}  // namespace
}  // namespace deskwire::testing
