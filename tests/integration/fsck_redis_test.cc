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
  CHECK(report.repairable == 0);
  CHECK(report.list.at(0).what.find("has no payload") != std::string::npos);
}

const FsckFinding* finding_of(const FsckReport& report, const std::string& key) {
  for (const FsckFinding& one : report.list) {
    if (one.what.starts_with("key " + key + " ")) return &one;
  }
  return nullptr;
}

/// A lane of another shard than that of "42".
std::string elsewhere() {
  for (int candidate = 0;; ++candidate) {
    std::string lane = "far" + std::to_string(candidate);
    if (shard_of_lane(lane) != shard_of_lane(kLane)) return lane;
  }
}

TEST_CASE("fsck names a key of a wrong type, moves it aside and mends the rest as well",
          "[jobs][fsck][redis]") {
  Damaged damaged;
  const std::string far = elsewhere();
  damaged.lane.enqueue(far);
  damaged.lane.complete(damaged.lane.take_one(kLane));
  damaged.lane.take_one(kLane);
  const auto [place, type] =
      GENERATE(table<std::string, std::string>({{"ready", "a list"},
                                                {"lease", "a sorted set"},
                                                {"timers", "a sorted set"},
                                                {"parked", "a sorted set"},
                                                {"done", "a sorted set"},
                                                {"dead", "a sorted set"},
                                                {"cancelled", "a sorted set"},
                                                {"meta", "a hash"},
                                                {"counts", "a hash"},
                                                {"bell", "a list"},
                                                {"audit", "a stream"},
                                                {"halts", "a hash"},
                                                {"l:42", "a list"},
                                                {"j:", "a hash"},
                                                {"q:", "a list"},
                                                {"h:", "a list"},
                                                {"x:", "a hash"}}));
  const std::string name = place.ends_with(':') ? place + damaged.ids[2] : place;
  CAPTURE(name);
  const std::string key = damaged.prefix + name;
  damaged.ask({"SET", key, "mine"});
  damaged.ask({"DEL", keys::prefix(shard_of_lane(far)) + "ready"});

  const FsckReport seen = damaged.run(false);
  const FsckFinding* named = finding_of(seen, key);
  REQUIRE(named);
  CHECK(named->what == "key " + key + " holds a string, " + type + " was expected");
  CHECK(named->repairable);
  CHECK_FALSE(named->repaired);
  CHECK(seen.list.back().shard >= 0);
  CHECK(seen.findings >= 2);

  const FsckReport mended = damaged.run(true);
  CHECK(mended.repaired == mended.findings);
  named = finding_of(mended, key);
  REQUIRE(named);
  const std::size_t broken = named->what.find(damaged.prefix + "broken:");
  REQUIRE(broken != std::string::npos);
  const std::string aside =
      named->what.substr(broken, named->what.find_first_of(" ,", broken) - broken);
  CHECK(damaged.ask({"GET", aside}).as_string() == "mine");
  damaged.run(true);
  CHECK(damaged.run(false).findings == 0);
  damaged.lane.require_sound();
  CHECK(damaged.lane.take_one(far).lane == far);
}

TEST_CASE("a lane whose list was overwritten gets its jobs back, oldest first",
          "[jobs][fsck][redis]") {
  Damaged damaged;
  for (int i = 0; i < 60; ++i) damaged.ids.push_back(damaged.lane.enqueue(kLane));
  damaged.ask({"SET", damaged.prefix + "l:" + kLane, "mine"});
  damaged.run(true);
  CHECK(damaged.run(false).findings == 0);
  // The ids of one millisecond have no order among them.
  constexpr std::size_t kTimeChars = 10;
  std::string before;
  for (std::size_t i = 0; i < damaged.ids.size(); ++i) {
    const Lease lease = damaged.lane.take_one(kLane);
    const std::string time = lease.id.str().substr(0, kTimeChars);
    CHECK(time >= before);
    before = time;
    damaged.lane.complete(lease);
  }
}

TEST_CASE("where the halts were overwritten, all stays paused until somebody resumes",
          "[jobs][fsck][redis]") {
  Damaged damaged;
  const HaltTarget parked{HaltScope::kParked, lane_beside(0)};
  damaged.lane.enqueue(parked.name);
  REQUIRE(damaged.lane.operators().halt(parked, kAnn));
  damaged.lane.complete(damaged.lane.take_one(kLane));
  CHECK(damaged.lane.take("42", 2).size() == 1);
  damaged.ask({"SET", damaged.prefix + "halts", "mine"});
  damaged.run(true);
  CHECK(damaged.run(false).findings == 0);
  damaged.lane.enqueue(lane_beside(1));
  CHECK(damaged.lane.take(kLane, 9).empty());
  CHECK(damaged.lane.operators().halts()->size() == 2);

  REQUIRE(damaged.lane.operators().resume({}, kAnn).value());
  CHECK(damaged.lane.take_one(kLane).lane == lane_beside(1));
  REQUIRE(damaged.lane.operators().resume(parked, kAnn).value());
  CHECK(damaged.lane.take_one(kLane).lane == parked.name);
  damaged.lane.require_sound();
}

TEST_CASE("no lane leaves the line where tokens have run out, and fsck mends the fence",
          "[jobs][fsck][redis]") {
  Damaged damaged;
  const std::string beside = lane_beside(0);
  damaged.lane.enqueue(beside);
  const std::int64_t before = damaged.lane.take_one(kLane).token;
  const std::string later = lane_beside(1);
  damaged.lane.enqueue(later);
  const std::string fence =
      GENERATE("x", "", "007", "-3", "1.5", "9223372036854775807", "9007199254740992");
  CAPTURE(fence);
  damaged.ask({"HSET", damaged.prefix + "meta", "fence", fence});
  const redis::Reply line = damaged.ask({"LRANGE", damaged.prefix + "ready", "0", "-1"});
  if (fence == "x") {
    LaneDriver& lane = damaged.lane;
    const auto step =
        lane.store().step({shard_of_lane(kLane), lane.worker, ++lane.last_request, {}, 2});
    REQUIRE_FALSE(step);
    CHECK(step.error().code == ErrorCode::kCorrupt);
    CHECK(step.error().message.find("key " + damaged.prefix + "meta, field fence") !=
          std::string::npos);
    CHECK(step.error().message.find("deskwire jobs fsck --repair") != std::string::npos);
  }
  const redis::Reply after = damaged.ask({"LRANGE", damaged.prefix + "ready", "0", "-1"});
  REQUIRE(after.items.size() == 2);
  CHECK(after.at(0).as_string() == line.at(0).as_string());
  CHECK(after.at(1).as_string() == line.at(1).as_string());

  const FsckReport seen = damaged.run(false);
  CHECK(seen.findings == 1);
  CHECK(finding_of(seen, damaged.prefix + "meta"));
  damaged.require_mended(1);
  const std::vector<Lease> leases = damaged.lane.take(kLane, 2);
  REQUIRE(leases.size() == 2);
  CHECK(leases[0].lane == beside);
  CHECK(leases[0].token > before);
  CHECK(leases[1].token == leases[0].token + 1);
}

TEST_CASE("a counter that is no number is recounted", "[jobs][fsck][redis]") {
  Damaged damaged;
  damaged.ask({"HSET", damaged.prefix + "counts", "a:reply", "many"});
  damaged.require_mended(2);
  CHECK(damaged.lane.store().counts()->at("available") == 3);
}

TEST_CASE("a lane whose keys are overwritten costs no other lane its turn", "[jobs][fsck][redis]") {
  Damaged damaged;
  const std::string beside = lane_beside(0);
  damaged.lane.enqueue(beside);
  const std::string broken = GENERATE(true, false) ? "l:" + kLane : "j:" + damaged.ids[0];
  CAPTURE(broken);
  damaged.ask({"SET", damaged.prefix + broken, "mine"});
  const std::vector<Lease> leases = damaged.lane.take(kLane, 2);
  REQUIRE(leases.size() == 1);
  CHECK(leases[0].lane == beside);
  damaged.run(true);
  damaged.run(true);
  CHECK(damaged.run(false).findings == 0);
  damaged.lane.require_sound();
  CHECK(damaged.lane.take_one(kLane).lane == kLane);
}

TEST_CASE("who asks about jobs is told which key is in the way", "[jobs][fsck][redis]") {
  Damaged damaged;
  JobStore& store = damaged.lane.store();
  OperatorStore& operators = damaged.lane.operators();
  const auto told = [&](const std::string& name, const auto& result) {
    REQUIRE_FALSE(result);
    CAPTURE(result.error().message);
    CHECK(result.error().code == ErrorCode::kCorrupt);
    CHECK(result.error().message.find("key " + damaged.prefix + name + ": ") +
              result.error().message.find("key " + damaged.prefix + name + " holds a string, ") !=
          2 * std::string::npos);
    CHECK(result.error().message.ends_with("; run `deskwire jobs fsck`"));
    CHECK(result.error().message.find("script") == std::string::npos);
  };
  damaged.ask({"SET", damaged.prefix + "ready", "mine"});
  told("ready", store.list({}));
  told("ready", operators.look(kLane, JobId()));
  damaged.ask({"SET", damaged.prefix + "done", "mine"});
  told("done", store.counts());
  told("done", store.counts_by_kind());
  told("done", operators.last_finished(kLane));
  damaged.ask({"SET", damaged.prefix + "l:" + kLane, "mine"});
  told("l:" + kLane, operators.look(kLane, JobId()));
  damaged.ask({"SET", damaged.prefix + "j:" + damaged.ids[0], "mine"});
  told("j:" + damaged.ids[0], store.get(JobId(damaged.ids[0])));
  damaged.ask({"SET", damaged.prefix + "halts", "mine"});
  told("halts", operators.halts());
}

TEST_CASE("a pause ends everywhere, but for the shard that is named", "[jobs][fsck][redis]") {
  Damaged damaged;
  const std::string far = elsewhere();
  damaged.lane.enqueue(far);
  REQUIRE(damaged.lane.operators().halt({}, kAnn));
  const int shard = shard_of_lane(kLane);
  const std::string key = damaged.prefix + GENERATE("ready", "halts");
  damaged.ask({"SET", key, "mine"});
  const auto resumed = damaged.lane.operators().resume({}, kAnn);
  REQUIRE_FALSE(resumed);
  CHECK(resumed.error().message.starts_with("resume all: not in shard " + std::to_string(shard) +
                                            ", but in all others: key " + key + " holds a string"));
  for (int other = 0; other < kShardCount; ++other) {
    if (other == shard) continue;
    CHECK(damaged.ask({"EXISTS", keys::prefix(other) + "halts"}).as_integer() == 0);
  }
  CHECK(damaged.lane.take_one(far).lane == far);
}

TEST_CASE("a pause begins everywhere, but for the shard that is named", "[jobs][fsck][redis]") {
  Damaged damaged;
  damaged.ask({"SET", damaged.prefix + "halts", "mine"});
  CHECK_FALSE(damaged.lane.operators().halt({}, kAnn));
  for (int other = 0; other < kShardCount; ++other) {
    if (other == shard_of_lane(kLane)) continue;
    CHECK(damaged.ask({"HEXISTS", keys::prefix(other) + "halts", "*"}).as_integer() == 1);
  }
}

}  // namespace
}  // namespace deskwire::testing
