// Speed of the job store and the worker pool on a Redis of their own; prints one JSON object a
// phase. See bench/README.md; bench/peer/jobs.mjs does the same with BullMQ.
#include <CLI/CLI.hpp>
#include <condition_variable>
#include <functional>
#include <iostream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <string>
#include <thread>

#include "bench/latencies.h"
#include "bench/socket.h"
#include "core/channel.h"
#include "core/clock.h"
#include "core/ids.h"
#include "core/log.h"
#include "core/metrics.h"
#include "jobs/dispatcher.h"
#include "jobs/redis_job_store.h"
#include "worker/worker_pool.h"

namespace {

using namespace deskwire;

constexpr std::size_t kJobsALane = 10;
constexpr std::size_t kMostUnanswered = 2000;

/// Counts what it runs, and when.
class NoopHandler final : public worker::JobHandler {
 public:
  worker::AttemptResult run(const jobs::Lease& lease, worker::Cancellation& /*unused*/) override {
    const std::int64_t at = bench::now_ns();
    {
      const std::lock_guard lock(mutex_);
      started_at_ = at;
      ++runs_;
      if (on_run) on_run(lease);
    }
    changed_.notify_all();
    worker::AttemptResult result;
    result.completed.emplace();
    result.completed->id = lease.id;
    result.completed->token = lease.token;
    result.completed->outcome = "replied";
    return result;
  }
  /// When the `count`-th run began.
  std::int64_t wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return runs_ >= count; });
    return started_at_;
  }

  std::function<void(const jobs::Lease&)> on_run;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t runs_ = 0;
  std::int64_t started_at_ = 0;
};

struct Bench {
  Bench(const std::string& socket, int threads, std::size_t lane_count) : lanes(lane_count) {
    redis::Client::Options options;
    options.endpoint.socket_path = socket;
    client.emplace(options);
    client->start();
    if (!client->wait_connected(Milliseconds(5000))) {
      std::cerr << "bench: no Redis at " << socket << '\n';
      std::exit(1);
    }
    store.emplace(*client, clock, jobs::LaneLimits{});
    config::Jobs settings;
    settings.workers = threads;
    pool.emplace(*store, std::map<std::string, worker::JobHandler*>{{"noop", &handler}}, settings,
                 clock, metrics, WorkerId("bench-" + new_ulid(clock.wall_ms())));
    jobs::Dispatcher::Callbacks callbacks;
    callbacks.on_work = [this](int shard) { pool->offer_work(shard); };
    callbacks.wait_until_wanted = [this] { pool->wait_until_wanted(); };
    callbacks.on_lost = [this](const JobId& id) { pool->abort(id); };
    dispatcher.emplace(*store, options, clock, WorkerId("beat-" + new_ulid(clock.wall_ms())),
                       metrics, callbacks);
  }
  ~Bench() {
    pool->stop();
    dispatcher->stop();
    client->stop();
  }
  void work() {
    pool->start(*dispatcher);
    dispatcher->start();
  }

  jobs::EnqueueRequest request(std::size_t number) const {
    jobs::EnqueueRequest made;
    made.lane = std::to_string(number % lanes);
    made.receipt = new_job_id(clock.wall_ms(), shard_of_lane(made.lane)).str();
    made.kind = "noop";
    made.payload = std::string(200, 'p');
    return made;
  }
  void fill(std::size_t count, std::size_t first = 0) {
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t answered = 0;
    for (std::size_t i = 0; i < count; ++i) {
      {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return i - answered < kMostUnanswered; });
      }
      store->enqueue_async(request(first + i), [&](const Result<jobs::EnqueueResult>& result) {
        if (!result) std::abort();
        const std::lock_guard lock(mutex);
        ++answered;
        changed.notify_one();
      });
    }
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return answered == count; });
  }

  const std::size_t lanes;
  SystemClock clock;
  Metrics metrics;
  NoopHandler handler;
  std::optional<redis::Client> client;
  std::optional<jobs::RedisJobStore> store;
  std::optional<worker::WorkerPool> pool;
  std::optional<jobs::Dispatcher> dispatcher;
};

double per_second(std::size_t count, std::int64_t since) {
  return static_cast<double>(count) * 1e9 / static_cast<double>(bench::now_ns() - since);
}

nlohmann::json enqueue(Bench& bench, std::size_t count) {
  const std::int64_t begun = bench::now_ns();
  for (std::size_t i = 0; i < count; ++i) {
    if (!bench.store->enqueue(bench.request(i))) std::abort();
  }
  return {{"per_s", per_second(count, begun)}};
}

nlohmann::json bulk(Bench& bench, std::size_t count) {
  const std::int64_t begun = bench::now_ns();
  bench.fill(count);
  return {{"per_s", per_second(count, begun)}};
}

nlohmann::json process(Bench& bench, std::size_t count) {
  bench.fill(count);
  const std::int64_t begun = bench::now_ns();
  bench.work();
  const std::int64_t ended = bench.handler.wait_for(count);
  return {{"per_s", static_cast<double>(count) * 1e9 / static_cast<double>(ended - begun)}};
}

nlohmann::json latency(Bench& bench, std::size_t count) {
  bench.work();
  bench::Latencies latencies;
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t begun = bench::now_ns();
    if (!bench.store->enqueue(bench.request(i))) std::abort();
    latencies.add(bench.handler.wait_for(i + 1) - begun);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return {{"p50_ms", latencies.quantile_ms(0.5)}, {"p99_ms", latencies.quantile_ms(0.99)}};
}

nlohmann::json lateness(Bench& bench, std::size_t count) {
  bench::Latencies late;
  std::size_t early = 0;
  bench.handler.on_run = [&](const jobs::Lease& lease) {
    const std::int64_t due = std::stoll(lease.payload) + lease.created_at_ms;
    const std::int64_t by_ms = bench.clock.wall_ms() - due;
    if (by_ms < 0) ++early;
    late.add(by_ms * 1'000'000);
  };
  bench.work();
  std::mt19937 random{7};
  for (std::size_t i = 0; i < count; ++i) {
    jobs::EnqueueRequest request = bench.request(i);
    request.delay = Milliseconds(100 + static_cast<int>(random() % 1900));
    request.payload = std::to_string(request.delay.count());
    if (!bench.store->enqueue(request)) std::abort();
  }
  bench.handler.wait_for(count);
  return {{"p50_ms", late.quantile_ms(0.5)},
          {"p99_ms", late.quantile_ms(0.99)},
          {"max_ms", late.quantile_ms(1)},
          {"early", early}};
}

/// Milliseconds of one blocking enqueue, and of one step that completes a job and leases the next.
nlohmann::json single_calls(Bench& bench, std::size_t first, std::uint64_t& request) {
  constexpr std::size_t kCalls = 4000;
  bench::Latencies enqueues;
  bench::Latencies steps;
  for (std::size_t i = 0; i < kCalls; ++i) {
    const jobs::EnqueueRequest made = bench.request(first + i);
    const std::int64_t begun = bench::now_ns();
    if (!bench.store->enqueue(made)) std::abort();
    enqueues.add(bench::now_ns() - begun);
  }
  std::vector<jobs::CompletedJob> done(static_cast<std::size_t>(kShardCount));
  for (std::size_t i = 0; i < kCalls; ++i) {
    const auto shard = i % static_cast<std::size_t>(kShardCount);
    jobs::StepRequest step{static_cast<int>(shard), WorkerId("single"), ++request, {}, 1};
    if (!done[shard].id.str().empty()) step.completed.push_back(done[shard]);
    const std::int64_t begun = bench::now_ns();
    const auto result = bench.store->step(step);
    steps.add(bench::now_ns() - begun);
    if (!result || result->leases.empty()) std::abort();
    done[shard].id = result->leases[0].id;
    done[shard].token = result->leases[0].token;
    done[shard].outcome = "replied";
  }
  return {{"enqueue_p50_us", enqueues.quantile_ms(0.5) * 1000},
          {"step_p50_us", steps.quantile_ms(0.5) * 1000}};
}

/// The same calls with few and with many jobs waiting, in the same minute.
nlohmann::json scale(Bench& bench, std::size_t count) {
  constexpr std::size_t kFew = 10000;
  std::uint64_t request = 0;
  bench.fill(kFew);
  const nlohmann::json few = single_calls(bench, kFew, request);
  bench.fill(count - kFew, kFew);
  const nlohmann::json many = single_calls(bench, count, request);
  const auto ratio = [&](const char* name) {
    return many.at(name).get<double>() / few.at(name).get<double>();
  };
  return {{"enqueue_us_at_10k", few.at("enqueue_p50_us")},
          {"enqueue_us", many.at("enqueue_p50_us")},
          {"enqueue_ratio", ratio("enqueue_p50_us")},
          {"step_us_at_10k", few.at("step_p50_us")},
          {"step_us", many.at("step_p50_us")},
          {"step_ratio", ratio("step_p50_us")}};
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Measures the job store and the worker pool"};
  std::string socket;
  std::string phase;
  std::size_t count = 20000;
  int threads = 50;
  app.add_option("--socket", socket, "Unix socket of a Redis that may be filled")->required();
  app.add_option("--phase", phase, "what to measure")
      ->required()
      ->check(CLI::IsMember({"enqueue", "bulk", "process", "latency", "lateness", "scale"}));
  app.add_option("--count", count, "jobs")->check(CLI::Range(1, 2000000));
  app.add_option("--threads", threads, "worker threads")->check(CLI::Range(1, 512));
  CLI11_PARSE(app, argc, argv);
  log::init(log::Level::kWarn, false);
  const std::size_t lanes = phase == "scale" ? std::max<std::size_t>(count / kJobsALane, 1) : 1000;
  Bench bench(socket, threads, lanes);
  const std::map<std::string, nlohmann::json (*)(Bench&, std::size_t)> phases{
      {"enqueue", enqueue}, {"bulk", bulk},         {"process", process},
      {"latency", latency}, {"lateness", lateness}, {"scale", scale},
  };
  std::cout << phases.at(phase)(bench, count).dump() << std::endl;
  return 0;
}
