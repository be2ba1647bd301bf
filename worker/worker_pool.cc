#include "worker/worker_pool.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <functional>
#include <optional>
#include <random>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "core/log.h"
#include "core/mutex.h"
#include "jobs/backoff.h"
#include "worker/attempt_cancellation.h"
#include "worker/attempt_metrics.h"
#include "worker/handlers/failures.h"
#include "worker/hot_shards.h"
#include "worker/step_batches.h"

// A thread's round: take a hot shard → `step` leases its next job → run it → the next `step`
// completes it and leases another one of the same shard → … → nothing left: wait for a hot shard.
// Threads of one shard share their steps (step_batches.h).
//
// A lost answer of `step` is asked for again with the same request number until it comes, so it
// strands no lease. Request numbers go on over restarts of the pool.

namespace deskwire::worker {
namespace {

using jobs::FailureClass;

// After so many jobs of one shard a thread looks at the others that wait.
constexpr int kMostInARow = 8;
constexpr Milliseconds kAskAgainBase{50};
constexpr Milliseconds kAskAgainCap{2000};
// A kind that only a newer version knows waits for a worker of that version.
constexpr Milliseconds kUnknownKindDelay{5000};

std::uint64_t random() {
  thread_local std::mt19937_64 engine{std::random_device{}()};
  return engine();
}

/// The answer was lost, or Redis takes nothing just now: the same call may succeed later.
bool is_worth_repeating(ErrorCode code) {
  return code == ErrorCode::kUnavailable || code == ErrorCode::kTimeout || code == ErrorCode::kFull;
}

}  // namespace

class WorkerPool::Impl {
 public:
  Impl(jobs::JobStore& store, std::map<std::string, JobHandler*> handlers,
       const config::Jobs& settings, const Clock& clock, Metrics& metrics, WorkerId worker)
      : store_(store),
        handlers_(std::move(handlers)),
        settings_(settings),
        clock_(clock),
        metrics_(metrics),
        worker_(std::move(worker)),
        steps_(worker_, [this](const jobs::StepRequest& request) { return send_step(request); }) {
    for (const auto& [kind, handler] : handlers_) metrics_.add_kind(kind);
    slots_.resize(static_cast<std::size_t>(std::max(1, settings_.workers)));
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      slots_[i].name = "work-" + std::to_string(i);
    }
  }

  ~Impl() { stop(); }

  void start(jobs::Dispatcher& dispatcher) {
    const MutexLock lifecycle(lifecycle_mutex_);
    if (running_) return;
    running_ = true;
    dispatcher_ = &dispatcher;
    {
      const MutexLock lock(mutex_);
      stopping_ = giving_up_ = false;
    }
    hot_.open();
    for (Slot& slot : slots_) {
      try {
        {
          const MutexLock lock(mutex_);
          ++threads_;
        }
        slot.thread = std::thread([this, &slot] { run(slot); });
      } catch (const std::system_error& error) {
        const MutexLock lock(mutex_);
        --threads_;
        log::error("worker_thread_refused", {{"thread", slot.name}, {"cause", error.what()}});
      }
    }
  }

  void stop() {
    const MutexLock lifecycle(lifecycle_mutex_);
    if (!running_) return;
    {
      const MutexLock lock(mutex_);
      stopping_ = true;
      changed_.notify_all();
    }
    hot_.close();
    {
      const auto grace_ends = std::chrono::steady_clock::now() + settings_.shutdown_grace;
      const MutexLock lock(mutex_);
      while (threads_ > 0 && std::chrono::steady_clock::now() < grace_ends) {
        changed_.wait_until(mutex_, grace_ends);
      }
      giving_up_ = true;
      for (Slot& slot : slots_) {
        if (slot.cancellation != nullptr) slot.cancellation->cancel();
      }
      changed_.notify_all();
    }
    // Each thread gives its own lease back when its handler has returned: given back earlier,
    // another process could post while this one's request is still on the wire.
    for (Slot& slot : slots_) {
      if (slot.thread.joinable()) slot.thread.join();
    }
    running_ = false;
  }

  void offer_work(int shard) { hot_.offer(shard); }
  void wait_until_wanted() { hot_.wait_until_wanted(); }

  void abort(const JobId& id) {
    const MutexLock lock(mutex_);
    for (Slot& slot : slots_) {
      if (slot.cancellation != nullptr && slot.running == id) slot.cancellation->cancel();
    }
  }

  int busy() const {
    const MutexLock lock(mutex_);
    return static_cast<int>(std::count_if(slots_.begin(), slots_.end(), [](const Slot& slot) {
      return slot.cancellation != nullptr;
    }));
  }

 private:
  /// One thread. What is not marked belongs to the thread alone.
  struct Slot {
    std::string name;
    std::thread thread;                           // lifecycle_mutex_
    JobId running;                                // mutex_
    AttemptCancellation* cancellation = nullptr;  // mutex_; null: no attempt
  };

  void run(Slot& slot) {
    log::name_thread(slot.name);
    while (const auto shard = hot_.take()) work_off(slot, *shard);
    const MutexLock lock(mutex_);
    --threads_;
    changed_.notify_all();
  }

  /// Runs jobs of the shard until none is left, the others have waited enough, or the pool stops.
  void work_off(Slot& slot, int shard) {
    std::optional<jobs::CompletedJob> done;
    for (int in_a_row = 0;; ++in_a_row) {
      const bool leave = stopping() || (in_a_row >= kMostInARow && hot_.any_other());
      if (leave && !stopping()) hot_.offer(shard);
      if (leave && !done) return;
      const auto lease = steps_.step(shard, std::exchange(done, std::nullopt), !leave);
      if (!lease) return;
      if (stopping()) {
        give_back(*lease);
        return;
      }
      AttemptResult result = attempt(slot, *lease);
      if (result.failed) close_failed(*lease, std::move(*result.failed));
      done = std::move(result.completed);
    }
  }

  /// One step for all threads that have something to complete or want a lease of its shard.
  std::optional<jobs::StepResult> send_step(const jobs::StepRequest& request) {
    const MonotonicTime begun = clock_.monotonic();
    // With nothing to complete the step may be forgotten on the way out: what it leased unheard, if
    // anything, runs out and goes to another process.
    const auto patience = request.completed.empty() ? Patience::kUntilStop : Patience::kUntilGrace;
    auto result = until_answered(
        "step", [&] { return store_.step(request); }, patience);
    if (!request.completed.empty()) metrics_.completed(clock_.monotonic() - begun);
    if (!result) {
      // The leases that it may have given run out; completions are found done by their effects.
      log::error("step_failed", {{"shard", request.shard},
                                 {"code", name_of(result.error().code)},
                                 {"cause", result.error().message}});
      return std::nullopt;
    }
    for (const JobId& stale : result->stale) {
      metrics_.stale();
      log::warn("completion_stale", {{"job", stale.str()}, {"worker", request.worker.str()}});
    }
    if (result->next_due_ms > 0) {
      dispatcher_->note_timer(request.shard, result->next_due_ms, result->now_ms);
    }
    return std::move(*result);
  }

  /// Neither part of the result is set when the lease was given back.
  AttemptResult attempt(Slot& slot, const jobs::Lease& lease) {
    AttemptCancellation cancellation;
    {
      const MutexLock lock(mutex_);
      slot.running = lease.id;
      slot.cancellation = &cancellation;
      if (giving_up_) cancellation.cancel();
    }
    dispatcher_->hold(lease);
    metrics_.begun();
    const MonotonicTime begun = clock_.monotonic();
    AttemptResult result = call_handler(lease, cancellation);
    // Before the job is closed: afterwards another attempt of it, perhaps in this very process, may
    // hold the lease under the same id.
    dispatcher_->forget(lease.id);
    {
      const MutexLock lock(mutex_);
      slot.cancellation = nullptr;
    }
    const bool superseded = !result.completed && !result.failed;
    const bool give_up = cancellation.cancelled() && result.failed &&
                         result.failed->failure != FailureClass::kPermanent;
    if (superseded || give_up) {
      give_back(lease);
      result.failed.reset();
    } else if (result.failed) {
      decide(*result.failed, clock_.monotonic() - begun);
    }
    metrics_.ended(lease.kind, result, clock_.monotonic() - begun);
    return result;
  }

  AttemptResult call_handler(const jobs::Lease& lease, Cancellation& cancellation) {
    const auto handler = handlers_.find(lease.kind);
    if (handler == handlers_.end()) {
      return failed(lease, FailureClass::kDeferred, "unknown_kind",
                    "attempt: no handler for this kind; a newer worker may have one",
                    kUnknownKindDelay);
    }
    try {
      return handler->second->run(lease, cancellation);
    } catch (const std::exception&) {
      // Its text may quote what it choked on, so it is not kept.
      return failed(lease, FailureClass::kRetryable, "internal", "attempt: an exception");
    } catch (...) {
      return failed(lease, FailureClass::kRetryable, "internal", "attempt: an unknown exception");
    }
  }

  /// Fills in the delay, and ends what was put off for too long.
  void decide(jobs::FailRequest& request, MonotonicTime::duration took) const {
    const jobs::Lease& lease = request.lease;
    if (request.failure == FailureClass::kRetryable && request.delay.count() <= 0) {
      request.delay =
          jobs::backoff(lease.attempt, settings_.backoff_base, settings_.backoff_cap, random());
    }
    if (request.failure == FailureClass::kDeferred) {
      const Milliseconds since_created = Milliseconds(lease.leased_at_ms - lease.created_at_ms) +
                                         std::chrono::duration_cast<Milliseconds>(took) +
                                         request.delay;
      if (since_created > settings_.defer_limit) request.failure = FailureClass::kPermanent;
    }
  }

  void close_failed(const jobs::Lease& lease, jobs::FailRequest request) {
    const auto closed = until_answered("fail", [&] { return store_.fail(request); });
    if (!closed) {
      log::error("fail_failed", {{"job", lease.id.str()},
                                 {"code", name_of(closed.error().code)},
                                 {"cause", closed.error().message}});
      return;
    }
    const std::string attempt =
        std::to_string(lease.attempt) + "/" + std::to_string(lease.max_attempts);
    if (closed->stale) {
      metrics_.stale();
      log::warn("failure_stale", {{"job", lease.id.str()}, {"worker", worker_.str()}});
    } else if (closed->dead) {
      log::warn("job_dead", {{"job", lease.id.str()},
                             {"kind", lease.kind},
                             {"attempt", attempt},
                             {"code", request.error_code},
                             {"cause", request.error_message}});
    } else {
      log::warn("attempt_failed", {{"job", lease.id.str()},
                                   {"kind", lease.kind},
                                   {"attempt", attempt},
                                   {"code", request.error_code},
                                   {"retry_in_ms", std::int64_t{request.delay.count()}}});
    }
  }

  /// Unpunished. A lease that is no longer ours needs nothing.
  void give_back(const jobs::Lease& lease) {
    const auto released = until_answered("release", [&] { return store_.release(lease); });
    if (released) {
      log::info("lease_released", {{"job", lease.id.str()}, {"kind", lease.kind}});
    } else if (released.error().code != ErrorCode::kStale) {
      log::warn("release_failed",
                {{"job", lease.id.str()}, {"code", name_of(released.error().code)}});
    }
  }

  /// How long a lost answer is worth asking for again.
  enum class Patience : std::uint8_t { kUntilStop, kUntilGrace };

  /// Repeats a call until it is answered or the pool gives up.
  template <typename Call>
  auto until_answered(std::string_view what, Call call, Patience patience = Patience::kUntilGrace)
      -> decltype(call()) {
    for (int tries = 1;; ++tries) {
      auto answer = call();
      if (answer || !is_worth_repeating(answer.error().code)) return answer;
      if (tries == 1) {
        log::warn("store_unreachable", {{"call", what}, {"code", name_of(answer.error().code)}});
      }
      const auto pause = jobs::backoff(tries, kAskAgainBase, kAskAgainCap, random());
      if (!wait_to_ask_again(pause, patience)) return answer;
    }
  }

  /// False: the pool gives up.
  bool wait_to_ask_again(Milliseconds pause, Patience patience) {
    const auto until = std::chrono::steady_clock::now() + pause;
    const MutexLock lock(mutex_);
    while (!gives_up(patience) && std::chrono::steady_clock::now() < until) {
      changed_.wait_until(mutex_, until);
    }
    return !gives_up(patience);
  }

  bool gives_up(Patience patience) const DW_REQUIRES(mutex_) {
    return giving_up_ || (stopping_ && patience == Patience::kUntilStop);
  }

  bool stopping() const {
    const MutexLock lock(mutex_);
    return stopping_;
  }

  jobs::JobStore& store_;
  const std::map<std::string, JobHandler*> handlers_;
  const config::Jobs settings_;
  const Clock& clock_;
  AttemptMetrics metrics_;
  const WorkerId worker_;
  StepBatches steps_;
  jobs::Dispatcher* dispatcher_ = nullptr;  // Set before the threads begin.
  HotShards hot_;
  Mutex lifecycle_mutex_;
  bool running_ DW_GUARDED_BY(lifecycle_mutex_) = false;
  mutable Mutex mutex_;
  CondVar changed_;
  bool stopping_ DW_GUARDED_BY(mutex_) = false;
  bool giving_up_ DW_GUARDED_BY(mutex_) = false;
  int threads_ DW_GUARDED_BY(mutex_) = 0;
  std::vector<Slot> slots_;
};

WorkerPool::WorkerPool(jobs::JobStore& store, std::map<std::string, JobHandler*> handlers,
                       const config::Jobs& settings, const Clock& clock, Metrics& metrics,
                       WorkerId worker)
    : impl_(std::make_unique<Impl>(store, std::move(handlers), settings, clock, metrics,
                                   std::move(worker))) {}
WorkerPool::~WorkerPool() = default;
void WorkerPool::start(jobs::Dispatcher& dispatcher) { impl_->start(dispatcher); }
void WorkerPool::stop() { impl_->stop(); }
void WorkerPool::offer_work(int shard) { impl_->offer_work(shard); }
void WorkerPool::wait_until_wanted() { impl_->wait_until_wanted(); }
void WorkerPool::abort(const JobId& id) { impl_->abort(id); }
int WorkerPool::busy() const { return impl_->busy(); }

}  // namespace deskwire::worker
