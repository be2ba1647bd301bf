// Following jobs live, by Redis's own word on which keys changed.
#include "core/channel.h"
#include "jobs/job_tail.h"
#include "tests/support/catch.h"
#include "tests/support/redis_job_harness.h"

namespace deskwire::testing {
namespace {

using namespace jobs;

const std::string kLane = "42";
constexpr Milliseconds kPatience{20000};

struct Tailed {
  Tailed() {
    tail.start();
    REQUIRE(tail.next(kPatience)->began);
  }
  RedisJobHarness& redis() { return static_cast<RedisJobHarness&>(lane.harness()); }
  Job next() {
    for (;;) {
      const auto piece = tail.next(kPatience);
      REQUIRE(piece);
      REQUIRE_FALSE(piece->changed.empty());
      CHECK(piece->changed.size() == 1);
      return piece->changed.front();
    }
  }
  LaneDriver lane;
  JobTail tail{redis().client(), RedisJobHarness::server().options()};
};

TEST_CASE("a tail shows a job in each state that it comes to", "[jobs][tail][redis]") {
  Tailed tailed;
  const std::string id = tailed.lane.enqueue(kLane);
  Job job = tailed.next();
  CHECK(job.id.str() == id);
  CHECK(job.state == JobState::kAvailable);
  CHECK(job.lane == kLane);
  CHECK(job.payload.empty());

  const Lease lease = tailed.lane.take_one(kLane);
  job = tailed.next();
  CHECK(job.state == JobState::kRunning);
  CHECK(job.worker == "w-test");
  tailed.lane.fail(lease, FailureClass::kRetryable, Milliseconds{60000}, "timeout");
  job = tailed.next();
  CHECK(job.state == JobState::kRetryable);
  CHECK(job.error_code == "timeout");
  REQUIRE(tailed.lane.operators().drop(JobId(id), {"ann", "test"}));
  CHECK(tailed.next().state == JobState::kCancelled);
}

TEST_CASE("a tail says when it lost its place, and goes on", "[jobs][tail][redis]") {
  Tailed tailed;
  tailed.redis().ask({"CLIENT", "KILL", "TYPE", "pubsub"});
  REQUIRE(tailed.tail.next(kPatience)->began);
  tailed.lane.enqueue(kLane);
  CHECK(tailed.next().state == JobState::kAvailable);
}

TEST_CASE("a tail that has ended leaves nothing behind in redis", "[jobs][tail][redis]") {
  RedisJobHarness redis;
  {
    JobTail never(redis.client(), RedisJobHarness::server().options());
    never.stop();
    JobTail tail(redis.client(), RedisJobHarness::server().options());
    tail.start();
    REQUIRE(tail.next(kPatience)->began);
    tail.stop();
    tail.stop();
  }
  while (redis.ask({"CLIENT", "LIST", "TYPE", "pubsub"}).text.find("id=") != std::string::npos) {
  }
  const std::string info = redis.ask({"INFO", "clients"}).text;
  CHECK(info.find("tracking_clients:0") != std::string::npos);
}

}  // namespace
}  // namespace deskwire::testing
