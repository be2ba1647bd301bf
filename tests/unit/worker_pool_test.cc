#include "worker/worker_pool.h"

#include <atomic>
#include <memory>
#include <set>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "core/channel.h"
#include "jobs/memory_job_store.h"
#include "tests/support/catch.h"
#include "tests/support/event_probe.h"
#include "tests/support/manual_clock.h"
#include "tests/support/unreliable_job_store.h"
#include "worker/handlers/failures.h"

namespace deskwire::worker {
namespace {

using jobs::FailureClass;
using jobs::JobState;
using testing::EventProbe;
using testing::ManualClock;
using testing::UnreliableJobStore;

/// Does what the test wants with each lease.
class ScriptedHandler final : public JobHandler {
 public:
  using Script = std::function<AttemptResult(const jobs::Lease&, Cancellation&)>;
  explicit ScriptedHandler(Script script) : script_(std::move(script)) {}
  AttemptResult run(const jobs::Lease& lease, Cancellation& cancellation) override {
    begun.push(lease.id);
    return script_(lease, cancellation);
  }
  EventProbe<JobId> begun;

 private:
  const Script script_;
};

ScriptedHandler::Script completes() {
  return [](const jobs::Lease& lease, Cancellation&) { return finished(lease, "done"); };
}
/// Runs until it is cancelled.
ScriptedHandler::Script waits() {
  return [](const jobs::Lease& lease, Cancellation& cancellation) {
    cancellation.sleep_ms(60000);
    return failed(lease, FailureClass::kRetryable, "cancelled", "x");
  };
}

/// A pool over a store in memory. Its dispatcher is never started: the test rings.
struct PoolBench {
  explicit PoolBench(ScriptedHandler::Script script, config::Jobs settings = quick_settings())
      : handler(std::move(script)),
        pool(store, {{"reply", &handler}}, settings, clock, metrics, WorkerId("w")) {
    pool.start(dispatcher);
  }

  static config::Jobs quick_settings() {
    config::Jobs settings;
    settings.workers = 3;
    settings.shutdown_grace = Milliseconds(20000);
    return settings;
  }

  JobId enqueue(const std::string& lane, int max_attempts = 3) {
    jobs::EnqueueRequest request;
    request.lane = lane;
    request.receipt = new_job_id(clock.wall_ms(), shard_of_lane(lane)).str();
    request.kind = "reply";
    request.max_attempts = max_attempts;
    const JobId id(memory.enqueue(request)->job);
    pool.offer_work(shard_of_lane(lane));
    return id;
  }
  jobs::Job job(const JobId& id) { return memory.get(id).value(); }
  bool idle() {
    const jobs::JobCounts counts = memory.counts().value();
    return counts.at("available") + counts.at("running") == 0;
  }
  void stop_when_idle() {
    while (!idle()) {
      for (int shard = 0; shard < kShardCount; ++shard) pool.offer_work(shard);
      std::this_thread::yield();
    }
    pool.stop();
  }

  ManualClock clock;
  Metrics metrics;
  jobs::MemoryJobStore memory{clock};
  UnreliableJobStore store{memory};
  jobs::Dispatcher dispatcher{store, {}, clock, WorkerId("w"), metrics, {}};
  ScriptedHandler handler;
  WorkerPool pool;
};

}  // namespace

TEST_CASE("jobs of one conversation run in order, those of others beside them", "[worker][pool]") {
  Mutex mutex;
  std::map<std::string, std::vector<JobId>> ran;
  std::set<std::string> running;
  bool overlapped = false;
  PoolBench bench([&](const jobs::Lease& lease, Cancellation&) {
    {
      const MutexLock lock(mutex);
      overlapped |= !running.insert(lease.lane).second;
      ran[lease.lane].push_back(lease.id);
    }
    std::this_thread::yield();
    const MutexLock lock(mutex);
    running.erase(lease.lane);
    return finished(lease, "done");
  });
  std::map<std::string, std::vector<JobId>> enqueued;
  for (int i = 0; i < 300; ++i) {
    const std::string lane = "c" + std::to_string(i % 11);
    enqueued[lane].push_back(bench.enqueue(lane));
  }
  bench.stop_when_idle();
  CHECK_FALSE(overlapped);
  CHECK(ran == enqueued);
  CHECK(bench.memory.counts().value().at("completed") == 300);
  CHECK(bench.memory.check().empty());
  CHECK(bench.pool.busy() == 0);
}

TEST_CASE("a lost answer of the store strands no job and runs none twice", "[worker][pool]") {
  std::atomic<int> runs{0};
  PoolBench bench([&runs](const jobs::Lease& lease, Cancellation&) {
    ++runs;
    return finished(lease, "done");
  });
  // Full: MISCONF and BUSY refuse a completion as well. To drop it would make the next attempt look
  // for a reply that was posted long ago.
  bench.store.lose_step_answers(
      5, GENERATE(ErrorCode::kTimeout, ErrorCode::kUnavailable, ErrorCode::kFull));
  std::vector<JobId> ids;
  for (int i = 0; i < 6; ++i) ids.push_back(bench.enqueue("42"));
  bench.stop_when_idle();
  CHECK(runs == 6);
  for (const JobId& id : ids) CHECK(bench.job(id).state == JobState::kCompleted);
}

TEST_CASE("an exception in a handler is a failure like others, without its text",
          "[worker][pool]") {
  PoolBench bench([](const jobs::Lease&, Cancellation&) -> AttemptResult {
    throw std::runtime_error("quotes the customer");
  });
  const JobId id = bench.enqueue("42", 1);
  bench.stop_when_idle();
  CHECK(bench.job(id).state == JobState::kDead);
  CHECK(bench.job(id).error_code == "internal");
  CHECK(bench.job(id).error_message.find("customer") == std::string::npos);
}

TEST_CASE("a failure waits out its backoff and consumes an attempt, a deferral does not",
          "[worker][pool]") {
  std::atomic<bool> defer{true};
  PoolBench bench([&defer](const jobs::Lease& lease, Cancellation&) {
    return defer ? failed(lease, FailureClass::kDeferred, "rate_limited", "x", Milliseconds(5000))
                 : failed(lease, FailureClass::kRetryable, "unavailable", "x");
  });
  const JobId id = bench.enqueue("42");
  bench.stop_when_idle();
  CHECK(bench.job(id).state == JobState::kRetryable);
  CHECK(bench.job(id).attempt == 0);
  CHECK(bench.job(id).due_at_ms == bench.clock.wall_ms() + 5000);

  defer = false;
  bench.clock.advance(Milliseconds(5000));
  bench.memory.beat({.shard = shard_of_lane("42"), .worker = WorkerId("w"), .renew = {}}).value();
  bench.pool.start(bench.dispatcher);
  bench.stop_when_idle();
  CHECK(bench.job(id).attempt == 1);
  const auto backoff = bench.job(id).due_at_ms - bench.clock.wall_ms();
  CHECK(backoff >= 0);
  CHECK(backoff <= 1000);
}

TEST_CASE("what was put off for too long is given up", "[worker][pool]") {
  PoolBench bench([](const jobs::Lease& lease, Cancellation&) {
    return failed(lease, FailureClass::kDeferred, "rate_limited", "x", Milliseconds(1000));
  });
  bench.pool.stop();
  const JobId id = bench.enqueue("42");
  bench.clock.advance(Milliseconds(900000));
  bench.pool.start(bench.dispatcher);
  bench.handler.begun.next();
  bench.pool.stop();
  CHECK(bench.job(id).state == JobState::kDead);
  CHECK(bench.job(id).error_code == "rate_limited");
}

TEST_CASE("case 30: a job of a kind that nobody here knows waits for a newer worker",
          "[worker][pool]") {
  PoolBench bench(completes());
  jobs::EnqueueRequest request;
  request.lane = "42";
  request.receipt = new_job_id(bench.clock.wall_ms(), shard_of_lane("42")).str();
  request.kind = "from_the_future";
  const JobId id(bench.memory.enqueue(request)->job);
  bench.stop_when_idle();
  CHECK(bench.job(id).state == JobState::kRetryable);
  CHECK(bench.job(id).error_code == "unknown_kind");
}

TEST_CASE("case 7: a lost lease cancels its attempt and no other", "[worker][pool]") {
  config::Jobs hasty = PoolBench::quick_settings();
  hasty.shutdown_grace = Milliseconds(1);
  PoolBench bench(waits(), hasty);
  const JobId lost = bench.enqueue("42");
  REQUIRE(bench.handler.begun.next() == lost);
  const JobId kept = bench.enqueue("43");
  REQUIRE(bench.handler.begun.next() == kept);
  CHECK(bench.pool.busy() == 2);

  bench.pool.abort(JobId("unknown"));
  bench.pool.abort(lost);
  // Still ours in truth, it is given back and comes again, unpunished.
  bench.pool.offer_work(shard_of_lane("42"));
  while (bench.handler.begun.next(Milliseconds(50)) != lost) {
    bench.pool.offer_work(shard_of_lane("42"));
  }
  CHECK(bench.job(lost).attempt == 1);
  CHECK(bench.job(kept).attempt == 1);
}

TEST_CASE("a completion that comes after the lease was lost changes nothing", "[worker][pool]") {
  std::atomic<PoolBench*> self{nullptr};
  PoolBench bench([&self](const jobs::Lease& lease, Cancellation&) {
    PoolBench& inner = *self.load();
    if (lease.crashes == 0) {
      inner.clock.advance(Milliseconds(16000));
      inner.memory
          .beat({.shard = shard_of_lane(lease.lane), .worker = WorkerId("other"), .renew = {}})
          .value();
    }
    return finished(lease, "after crash " + std::to_string(lease.crashes));
  });
  self = &bench;
  const JobId id = bench.enqueue("42");
  bench.stop_when_idle();
  CHECK(bench.job(id).state == JobState::kCompleted);
  CHECK(bench.job(id).outcome == "after crash 1");
  CHECK(bench.metrics.render().find("deskwire_stale_closings_total 1") != std::string::npos);
}

TEST_CASE("case 23: stopping lets quick attempts finish and gives slow ones back unpunished",
          "[worker][pool]") {
  EventProbe<int> release;
  PoolBench quick([&release](const jobs::Lease& lease, Cancellation&) {
    release.next();
    return finished(lease, "done");
  });
  const JobId finished_id = quick.enqueue("42");
  REQUIRE(quick.handler.begun.next());
  std::thread stopper([&quick] { quick.pool.stop(); });
  release.push(1);
  stopper.join();
  CHECK(quick.job(finished_id).state == JobState::kCompleted);

  config::Jobs hasty = PoolBench::quick_settings();
  hasty.shutdown_grace = Milliseconds(1);
  PoolBench slow(waits(), hasty);
  const JobId released = slow.enqueue("42");
  REQUIRE(slow.handler.begun.next());
  slow.pool.stop();
  CHECK(slow.job(released).state == JobState::kAvailable);
  CHECK(slow.job(released).attempt == 0);
  CHECK(slow.memory.check().empty());
}

TEST_CASE("case 24: a stop while work keeps coming in leaves nothing running", "[worker][pool]") {
  PoolBench bench(completes());
  std::atomic<bool> goes_on{true};
  std::thread customers([&] {
    for (int i = 0; goes_on; ++i) bench.enqueue("lane-" + std::to_string(i % 50));
  });
  for (int i = 0; i < 100; ++i) REQUIRE(bench.handler.begun.next());
  bench.pool.stop();
  const auto ran = bench.handler.begun.size();
  const JobId late = bench.enqueue("42");
  goes_on = false;
  customers.join();
  CHECK(bench.pool.busy() == 0);
  CHECK(bench.memory.counts()->at("running") == 0);
  CHECK(bench.job(late).state == JobState::kAvailable);
  CHECK(bench.handler.begun.size() == ran);
  CHECK(bench.memory.check().empty());
}

TEST_CASE("a pool stops although the store does not answer", "[worker][pool]") {
  config::Jobs hasty = PoolBench::quick_settings();
  hasty.shutdown_grace = Milliseconds(1);
  PoolBench bench(completes(), hasty);
  bench.store.lose_step_answers(1'000'000);
  bench.enqueue("42");
  REQUIRE(bench.store.lost.next());
  bench.pool.stop();
}

// Idle threads used to ask for work until the grace was over: a stop with Redis away took all of
// it. Had this failed, it would run into the test's time limit.
TEST_CASE("an idle pool does not sit out its grace when the store is away", "[worker][pool]") {
  config::Jobs patient = PoolBench::quick_settings();
  patient.shutdown_grace = std::chrono::hours(1);
  PoolBench bench(completes(), patient);
  bench.store.lose_step_answers(1'000'000);
  bench.pool.offer_work(3);
  REQUIRE(bench.store.lost.next());
  bench.pool.stop();
  CHECK(bench.pool.busy() == 0);
}

TEST_CASE("start and stop may come twice, in any order and from many threads", "[worker][pool]") {
  config::Jobs hasty = PoolBench::quick_settings();
  hasty.shutdown_grace = Milliseconds(1);
  PoolBench bench(completes(), hasty);
  bench.pool.start(bench.dispatcher);
  bench.pool.stop();
  bench.pool.stop();
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&bench, caller] {
      for (int i = 0; i < 25; ++i) {
        if (caller % 2 == 0) {
          bench.pool.start(bench.dispatcher);
          bench.enqueue("c" + std::to_string(i));
        } else {
          bench.pool.stop();
          bench.pool.abort(JobId("none"));
        }
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  bench.pool.start(bench.dispatcher);
  bench.stop_when_idle();
  CHECK(bench.memory.counts().value().at("completed") == 50);
  CHECK(bench.memory.check().empty());

  Metrics metrics;
  WorkerPool unstarted(bench.store, {}, hasty, bench.clock, metrics, WorkerId("w"));
  unstarted.offer_work(1);
  unstarted.stop();
  unstarted.stop();
}

}  // namespace deskwire::worker
