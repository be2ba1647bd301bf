#pragma once

#include "tests/support/redis_job_harness.h"
#include "tests/support/redis_time.h"

namespace deskwire::testing {

/// What a TimedRedisHarness stands on; a base, so that it is there first.
struct TimedRedis {
  explicit TimedRedis(std::int64_t begin_ms)
      : now_ms(begin_ms), time(begin_ms), redis({}, time.environment()) {}
  std::int64_t now_ms;
  RedisTime time;
  RedisServer redis;
};

/// A RedisJobStore on a server of its own, whose clock the test moves: an hour passes at once.
class TimedRedisHarness final : private TimedRedis, public RedisJobHarness {
 public:
  explicit TimedRedisHarness(const jobs::LaneLimits& limits = {},
                             std::int64_t begin_ms = SystemClock().wall_ms())
      : TimedRedis(begin_ms), RedisJobHarness(limits, redis.options()) {}

  std::int64_t server_now_ms() const { return now_ms; }
  redis::Client::Options options() const { return redis.options(); }
  void pass(Milliseconds by) override {
    now_ms += by.count();
    time.set_wall_ms(now_ms);
  }
};

}  // namespace deskwire::testing
