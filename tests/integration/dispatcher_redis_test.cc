#include <atomic>
#include <thread>

#include "core/channel.h"
#include "core/ids.h"
#include "jobs/dispatcher.h"
#include "jobs/keys.h"
#include "tests/support/catch.h"
#include "tests/support/event_probe.h"
#include "tests/support/redis_job_harness.h"

namespace deskwire::testing {
namespace {

using namespace jobs;

const std::string kLane = "42";

/// A dispatcher on a harness, and what it told.
struct Watched {
  explicit Watched(const LaneLimits& limits = {}) : lane(limits) {}
  ~Watched() { dispatcher.stop(); }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;

  RedisJobHarness& harness() { return static_cast<RedisJobHarness&>(lane.harness()); }
  bool offered(int shard) {
    return offers.wait_for([&](int offered) { return offered == shard; }).has_value();
  }
  /// Started, connected and through its first offers.
  void start() {
    dispatcher.start();
    REQUIRE(rounds.next());
    for (int shard = 0; shard < kShardCount; ++shard) REQUIRE(offered(shard));
  }

  LaneDriver lane;
  SystemClock clock;
  Metrics metrics;
  EventProbe<int> offers;
  EventProbe<std::string> lost;
  EventProbe<std::string> superseded;
  EventProbe<Milliseconds> rounds;
  Dispatcher dispatcher{
      lane.store(),
      RedisJobHarness::server().options(),
      clock,
      lane.worker,
      metrics,
      {.on_work = [this](int shard) { offers.push(shard); },
       .wait_until_wanted = {},
       .on_lost = [this](const JobId& id) { lost.push(id.str()); },
       .on_superseded = [this](const JobId& id) { superseded.push(id.str()); },
       .on_round = [this](Milliseconds wait, std::int64_t) { rounds.push(wait); }}};
};

TEST_CASE("the doorbell wakes the dispatcher up for new work", "[dispatcher][redis]") {
  Watched watched;
  watched.start();
  watched.lane.enqueue(kLane);
  CHECK(watched.offered(shard_of_lane(kLane)));
}

TEST_CASE("work that was there before the start is offered", "[dispatcher][redis]") {
  Watched watched;
  watched.lane.enqueue(kLane);
  watched.dispatcher.start();
  CHECK(watched.offered(shard_of_lane(kLane)));
  CHECK(watched.rounds.wait_for([](Milliseconds wait) { return wait.count() >= 0; }));
}

TEST_CASE("an idle dispatcher sends nothing but its beats", "[dispatcher][redis]") {
  Watched watched;
  watched.start();
  watched.harness().ask({"CONFIG", "RESETSTAT"});
  watched.rounds.take(watched.rounds.size());
  REQUIRE(watched.rounds.next());
  REQUIRE(watched.rounds.next());
  REQUIRE(watched.rounds.next());
  watched.dispatcher.stop();
  const std::string stats = watched.harness().ask({"INFO", "commandstats"}).text;
  CAPTURE(stats);
  const auto calls = [&](const std::string& command) {
    const std::size_t at = stats.find("cmdstat_" + command + ":calls=");
    return at == std::string::npos ? 0 : std::stoi(stats.substr(stats.find('=', at) + 1));
  };
  CHECK(calls("evalsha") >= 2 * kShardCount);
  CHECK(calls("evalsha") <= 5 * kShardCount);
  CHECK(calls("blpop") <= 3);
  for (const char* write : {"hset", "set", "zadd", "lpush", "rpush", "zrem", "expire"}) {
    CHECK(calls(write) == 0);
  }
}

TEST_CASE("a delayed job becomes ready on time without polling", "[dispatcher][redis]") {
  Watched watched;
  watched.start();
  EnqueueRequest request = watched.lane.request(kLane);
  request.delay = Milliseconds{150};
  const std::string id = watched.lane.enqueue(request).job;
  // The bell rings for the new timer: the answer is a step, which tells when it is due.
  REQUIRE(watched.offered(shard_of_lane(kLane)));
  const StepResult step = watched.lane.step(
      {shard_of_lane(kLane), watched.lane.worker, ++watched.lane.last_request, {}, 1});
  REQUIRE(step.leases.empty());
  REQUIRE(step.next_due_ms > 0);
  watched.dispatcher.note_timer(shard_of_lane(kLane), step.next_due_ms, step.now_ms);
  REQUIRE(watched.offered(shard_of_lane(kLane)));
  const Lease lease = watched.lane.take_one(kLane);
  CHECK(lease.id.str() == id);
  CHECK(lease.leased_at_ms >= step.next_due_ms);
}

TEST_CASE("held leases are renewed and lost ones reported", "[dispatcher][redis]") {
  LaneLimits limits;
  limits.lease = Milliseconds{600};
  Watched watched(limits);
  watched.start();
  watched.lane.enqueue(kLane);
  watched.lane.enqueue(lane_beside(0));
  const std::vector<Lease> leases = watched.lane.take(kLane, 2);
  REQUIRE(leases.size() == 2);
  for (const Lease& lease : leases) watched.dispatcher.hold(lease);
  // Three leases' time: only renewals can keep them.
  watched.harness().pass(3 * limits.lease);
  CHECK(watched.lost.size() == 0);
  CHECK(watched.lane.job(leases[0].id.str()).crashes == 0);
  CHECK(watched.lane.job(leases[0].id.str()).state == JobState::kRunning);

  watched.dispatcher.forget(leases[1].id);
  watched.lane.fail(leases[0], FailureClass::kRetryable, Milliseconds{3'600'000});
  CHECK(watched.lost.next() == leases[0].id.str());
  // The forgotten one runs out and is reclaimed by the beats.
  CHECK(watched.offered(shard_of_lane(kLane)));
}

TEST_CASE("an attempt is told soon that more messages joined its job", "[dispatcher][redis]") {
  Watched watched;
  watched.start();
  EnqueueRequest request = watched.lane.request(kLane, "one");
  request.debounce = Debounce{Milliseconds{1}, Milliseconds{60000}, 10};
  const std::string id = watched.lane.enqueue(request).job;
  watched.harness().pass(Milliseconds{5});
  watched.lane.beat(kLane);
  const Lease lease = watched.lane.take_one(kLane);
  watched.dispatcher.hold(lease);
  EnqueueRequest late = watched.lane.request(kLane, "two");
  late.debounce = request.debounce;
  CHECK(watched.lane.enqueue(late).job == id);
  CHECK(watched.superseded.next() == id);
  CHECK(watched.lost.size() == 0);
}

TEST_CASE("a dispatcher without Redis reports its leases lost in time", "[dispatcher][redis]") {
  LaneLimits limits;
  limits.lease = Milliseconds{1000};
  Watched watched(limits);
  watched.start();
  watched.lane.enqueue(kLane);
  const Lease lease = watched.lane.take_one(kLane);
  watched.dispatcher.hold(lease);
  watched.harness().restricted().stop();
  CHECK(watched.lost.next() == lease.id.str());
}

TEST_CASE("after a lost connection every shard is offered", "[dispatcher][redis]") {
  Watched watched;
  watched.start();
  watched.harness().ask({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
  for (int shard = 0; shard < kShardCount; ++shard) CHECK(watched.offered(shard));
}

TEST_CASE("start and stop in any order", "[dispatcher][redis]") {
  Watched watched;
  SECTION("stop unstarted, stop twice") {
    watched.dispatcher.stop();
    watched.dispatcher.stop();
  }
  SECTION("start twice") {
    watched.dispatcher.start();
    watched.dispatcher.start();
    CHECK(watched.rounds.next());
    watched.dispatcher.stop();
    watched.dispatcher.stop();
  }
  SECTION("start again after a stop") {
    watched.dispatcher.start();
    watched.dispatcher.stop();
    watched.rounds.take(watched.rounds.size());
    watched.dispatcher.start();
    CHECK(watched.rounds.next());
  }
  SECTION("stop while starting") {
    for (int i = 0; i < 20; ++i) {
      std::thread starter([&] { watched.dispatcher.start(); });
      watched.dispatcher.stop();
      starter.join();
      watched.dispatcher.stop();
    }
  }
  SECTION("nothing is called back after a stop") {
    watched.start();
    watched.dispatcher.stop();
    watched.offers.take(watched.offers.size());
    watched.lane.enqueue(kLane);
    watched.lane.beat(kLane);
    CHECK(watched.offers.size() == 0);
  }
}

}  // namespace
}  // namespace deskwire::testing
