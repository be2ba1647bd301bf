#include "jobs/data_layout.h"
#include "jobs/keys.h"
#include "tests/support/catch.h"
#include "tests/support/redis_job_harness.h"

namespace deskwire::jobs {
namespace {

using testing::RedisJobHarness;

TEST_CASE("the first process writes the layout's version, the others find it", "[jobs][layout]") {
  RedisJobHarness redis;
  CHECK(check_data_layout(redis.client()));
  CHECK(redis.ask({"EXISTS", keys::layout()}).integer == 0);
  CHECK(claim_data_layout(redis.client()));
  CHECK(redis.ask({"GET", keys::layout()}).text == std::to_string(kDataLayout));
  CHECK(claim_data_layout(redis.client()));
  CHECK(check_data_layout(redis.client()));
}

TEST_CASE("data of another version is refused and left as it is", "[jobs][layout]") {
  RedisJobHarness redis;
  const std::string other = GENERATE(as<std::string>{}, "0", "1", "999");
  redis.ask({"SET", keys::layout(), other});
  for (const auto& refused :
       {check_data_layout(redis.client()), claim_data_layout(redis.client())}) {
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::kUnsupported);
    CHECK(refused.error().message.find("version " + other) != std::string::npos);
  }
  CHECK(redis.ask({"GET", keys::layout()}).text == other);
}

TEST_CASE("what is no version is somebody else's data", "[jobs][layout]") {
  RedisJobHarness redis;
  SECTION("text") { redis.ask({"SET", keys::layout(), "two"}); }
  SECTION("another type") { redis.ask({"LPUSH", keys::layout(), "1"}); }
  CHECK(check_data_layout(redis.client()).error().code == ErrorCode::kCorrupt);
  CHECK(claim_data_layout(redis.client()).error().code == ErrorCode::kCorrupt);
}

TEST_CASE("a full Redis with a version passes, one without is asked again later",
          "[jobs][layout][faults]") {
  RedisJobHarness redis;
  redis.ask({"CONFIG", "SET", "maxmemory", "1"});
  const auto refused = claim_data_layout(redis.client());
  redis.ask({"CONFIG", "SET", "maxmemory", "0"});
  REQUIRE(claim_data_layout(redis.client()));
  redis.ask({"CONFIG", "SET", "maxmemory", "1"});
  const auto passed = claim_data_layout(redis.client());
  redis.ask({"CONFIG", "SET", "maxmemory", "0"});
  CHECK(refused.error().code == ErrorCode::kFull);
  CHECK(passed);
}

}  // namespace
}  // namespace deskwire::jobs
