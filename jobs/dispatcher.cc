#include "jobs/dispatcher.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <thread>
#include <utility>

#include "core/channel.h"
#include "core/ids.h"
#include "core/log.h"
#include "core/mutex.h"
#include "core/redis/redis_subscriber.h"
#include "jobs/held_leases.h"
#include "jobs/keys.h"
#include "jobs/shard_timers.h"

namespace deskwire::jobs {
namespace {

constexpr Milliseconds kRound{1000};

std::vector<std::string> bell_keys() {
  std::vector<std::string> all;
  all.reserve(kShardCount);
  for (int shard = 0; shard < kShardCount; ++shard) all.push_back(keys::bell(shard));
  return all;
}

/// The answers of beats that are under way at the same time. Shared with their callbacks, which may
/// come after the dispatcher has stopped waiting.
struct Beats {
  struct Answer {
    int shard = 0;
    MonotonicTime received_at;
    Result<BeatResult> result;
  };
  Mutex mutex;
  CondVar changed;
  std::size_t expected DW_GUARDED_BY(mutex) = 0;
  std::vector<Answer> answers DW_GUARDED_BY(mutex);
  /// The dispatcher is stopped: what comes now must touch nothing of its world.
  bool abandoned DW_GUARDED_BY(mutex) = false;
};

}  // namespace

/// DESIGN. The beat thread sleeps until the earliest of: the next round (all shards, once a
/// second), a shard's first timer, a lease to renew. The timers are known from the beats' answers
/// and from note_timer; a shorter one that another process sets rings the bell, whose answer is a
/// step. Losing this process delays timers by one round of another one at most: there is no leader.
///
/// Locks: lifecycle_ orders start and stop; mutex_ guards the rest. Callbacks run without a lock.
class Dispatcher::Impl {
 public:
  Impl(JobStore& store, redis::Client::Options bell_connection, const Clock& clock, WorkerId worker,
       Metrics& metrics, Callbacks callbacks)
      : store_(store),
        bell_connection_(std::move(bell_connection)),
        clock_(clock),
        worker_(std::move(worker)),
        callbacks_(std::move(callbacks)),
        reclaimed_(metrics.counter("deskwire_jobs_reclaimed_total",
                                   "Jobs taken back from leases that ran out")),
        promoted_(
            metrics.counter("deskwire_jobs_promoted_total", "Lanes whose delay or backoff ended")),
        poison_(metrics.counter("deskwire_jobs_poison_total",
                                "Jobs buried because their leases kept running out")),
        lost_(metrics.counter("deskwire_leases_lost_total",
                              "Leases that this process held and could not renew")),
        queue_wait_(metrics.gauge("deskwire_queue_wait_seconds",
                                  "Age of the job that waits first in line")) {}

  void start() {
    const MutexLock order(lifecycle_);
    if (thread_.joinable()) return;
    {
      const MutexLock lock(mutex_);
      stopping_ = false;
      round_at_ = clock_.monotonic();
    }
    thread_ = std::thread([this] { run(); });
    if (!callbacks_.on_work) return;
    bell_ = std::make_unique<redis::BellListener>(
        bell_connection_, bell_keys(), [this](std::string_view key) { heard(key); },
        callbacks_.wait_until_wanted);
    bell_->start();
  }

  void stop() {
    const MutexLock order(lifecycle_);
    if (!thread_.joinable()) return;
    std::shared_ptr<Beats> under_way;
    {
      const MutexLock lock(mutex_);
      stopping_ = true;
      under_way = under_way_;
      changed_.notify_all();
    }
    if (under_way) abandon(*under_way);
    if (bell_) bell_->stop();
    thread_.join();
    bell_.reset();
  }

  void hold(const Lease& lease) {
    const MutexLock lock(mutex_);
    wake_for(held_.add(lease, clock_.monotonic()));
  }

  void forget(const JobId& id) {
    const MutexLock lock(mutex_);
    held_.remove(id);
  }

  void note_timer(int shard, std::int64_t next_due_ms, std::int64_t server_now_ms) {
    if (shard < 0 || shard >= kShardCount) return;
    const MutexLock lock(mutex_);
    timers_.sample(server_now_ms, clock_.monotonic());
    timers_.earlier(shard, next_due_ms);
    wake_for(timers_.first());
  }

 private:
  /// Wakes the beat thread if it would sleep beyond `due`. Most leases and timers are later than
  /// the next round anyway.
  void wake_for(MonotonicTime due) DW_REQUIRES(mutex_) {
    if (due < sleeping_until_) changed_.notify_all();
  }

  void heard(std::string_view key) {
    const int shard = keys::shard_of(key);
    if (shard >= 0) {
      callbacks_.on_work(shard);
      return;
    }
    // Connected again: what rang meanwhile, and what was due, must be looked for.
    {
      const MutexLock lock(mutex_);
      round_at_ = clock_.monotonic();
      changed_.notify_all();
    }
    for (int any = 0; any < kShardCount; ++any) callbacks_.on_work(any);
  }

  void run() {
    log::name_thread("beat");
    for (;;) {
      std::vector<int> shards;
      bool is_round = false;
      {
        const MutexLock lock(mutex_);
        if (!sleep_until_due()) return;
        const MonotonicTime now = clock_.monotonic();
        is_round = now >= round_at_;
        if (is_round) round_at_ = now + kRound;
        for (int shard = 0; shard < kShardCount; ++shard) {
          if (is_round || timers_.is_due(shard, now) || held_.is_due(shard, now)) {
            shards.push_back(shard);
          }
        }
      }
      beat(shards, is_round);
    }
  }

  /// @return False: stop.
  bool sleep_until_due() DW_REQUIRES(mutex_) {
    while (!stopping_) {
      const MonotonicTime now = clock_.monotonic();
      const MonotonicTime due = std::min({round_at_, timers_.first(), held_.first()});
      if (due <= now) return true;
      sleeping_until_ = due;
      changed_.wait_until(mutex_, std::chrono::steady_clock::now() + (due - now));
    }
    return false;
  }

  void beat(const std::vector<int>& shards, bool is_round) {
    auto beats = std::make_shared<Beats>();
    const MonotonicTime asked_at = clock_.monotonic();
    std::vector<BeatRequest> requests;
    {
      const MutexLock lock(mutex_);
      if (stopping_) return;
      under_way_ = beats;
      for (const int shard : shards) {
        requests.push_back({shard, worker_, held_.take_due(shard, asked_at)});
        timers_.clear(shard);
      }
    }
    {
      const MutexLock lock(beats->mutex);
      beats->expected = requests.size();
    }
    for (const BeatRequest& request : requests) {
      const int shard = request.shard;
      store_.beat_async(request, [beats, shard, &clock = clock_](Result<BeatResult> r) {
        const MutexLock lock(beats->mutex);
        if (beats->abandoned) return;
        beats->answers.push_back({shard, clock.monotonic(), std::move(r)});
        beats->changed.notify_all();
      });
    }
    const std::optional<std::vector<Beats::Answer>> answers = wait_for(*beats);
    if (answers) take_in(*answers, asked_at, is_round);
  }

  static std::optional<std::vector<Beats::Answer>> wait_for(Beats& beats) {
    const MutexLock lock(beats.mutex);
    while (beats.answers.size() < beats.expected) {
      if (beats.abandoned) return std::nullopt;
      beats.changed.wait(beats.mutex);
    }
    return std::move(beats.answers);
  }

  static void abandon(Beats& beats) {
    const MutexLock lock(beats.mutex);
    beats.abandoned = true;
    beats.changed.notify_all();
  }

  void take_in(const std::vector<Beats::Answer>& answers, MonotonicTime asked_at, bool is_round) {
    std::vector<JobId> lost;
    std::vector<JobId> superseded;
    std::vector<int> ready;
    Milliseconds queue_wait{0};
    std::int64_t server_now = 0;
    bool failed = false;
    {
      const MutexLock lock(mutex_);
      if (is_round) timers_.forget_clock();
      for (const Beats::Answer& answer : answers) {
        if (!answer.result) {
          failed = true;
          continue;
        }
        const BeatResult& result = *answer.result;
        timers_.sample(result.now_ms, answer.received_at);
        // A timer that is due but was not promoted is no lane's: without this we would spin.
        if (result.next_due_ms > result.now_ms || result.promoted > 0) {
          timers_.earlier(answer.shard, result.next_due_ms);
        }
        held_.renewed(answer.shard, asked_at, result.lost);
        lost.insert(lost.end(), result.lost.begin(), result.lost.end());
        superseded.insert(superseded.end(), result.superseded.begin(), result.superseded.end());
        if (result.ready) ready.push_back(answer.shard);
        if (result.oldest_due_ms > 0) {
          queue_wait = std::max(queue_wait, Milliseconds{result.now_ms - result.oldest_due_ms});
        }
        server_now = std::max(server_now, result.now_ms);
      }
      // Without an answer for a whole lease others may run our jobs by now.
      for (JobId& id : held_.take_expired(clock_.monotonic())) lost.push_back(std::move(id));
    }
    report(answers, failed);
    lost_.add(static_cast<double>(lost.size()));
    for (const JobId& id : lost) {
      log::warn("lease_lost", {{"job", id.str()}, {"worker", worker_.str()}});
      callbacks_.on_lost(id);
    }
    for (const JobId& id : superseded) {
      log::info("job_superseded", {{"job", id.str()}});
      if (callbacks_.on_superseded) callbacks_.on_superseded(id);
    }
    if (callbacks_.on_work) {
      for (const int shard : ready) callbacks_.on_work(shard);
    }
    if (is_round && server_now > 0) {
      queue_wait_.set(std::chrono::duration<double>(queue_wait).count());
      if (callbacks_.on_round) callbacks_.on_round(queue_wait, server_now);
    }
  }

  /// Metrics and one log line a change of state, none a round.
  void report(const std::vector<Beats::Answer>& answers, bool failed) {
    for (const Beats::Answer& answer : answers) {
      if (!answer.result) continue;
      const BeatResult& result = *answer.result;
      reclaimed_.add(result.reclaimed);
      promoted_.add(result.promoted);
      poison_.add(result.buried);
      if (result.reclaimed > 0) {
        log::warn("leases_reclaimed", {{"shard", answer.shard}, {"jobs", result.reclaimed}});
      }
      if (result.buried > 0) {
        log::error("jobs_dead",
                   {{"shard", answer.shard}, {"jobs", result.buried}, {"code", "poison"}});
      }
    }
    if (failed == beats_fail_) return;
    beats_fail_ = failed;
    if (!failed) {
      log::info("beats_restored", {{"worker", worker_.str()}});
      return;
    }
    for (const Beats::Answer& answer : answers) {
      if (answer.result) continue;
      log::warn("beats_failed",
                {{"worker", worker_.str()}, {"reason", answer.result.error().message}});
      return;
    }
  }

  JobStore& store_;
  const redis::Client::Options bell_connection_;
  const Clock& clock_;
  const WorkerId worker_;
  const Callbacks callbacks_;
  Metrics::Counter& reclaimed_;
  Metrics::Counter& promoted_;
  Metrics::Counter& poison_;
  Metrics::Counter& lost_;
  Metrics::Gauge& queue_wait_;
  bool beats_fail_ = false;  ///< Beat thread only.

  Mutex lifecycle_;
  std::thread thread_ DW_GUARDED_BY(lifecycle_);
  std::unique_ptr<redis::BellListener> bell_ DW_GUARDED_BY(lifecycle_);

  Mutex mutex_;
  CondVar changed_;
  bool stopping_ DW_GUARDED_BY(mutex_) = false;
  MonotonicTime round_at_ DW_GUARDED_BY(mutex_);
  MonotonicTime sleeping_until_ DW_GUARDED_BY(mutex_);
  ShardTimers timers_ DW_GUARDED_BY(mutex_);
  HeldLeases held_ DW_GUARDED_BY(mutex_);
  std::shared_ptr<Beats> under_way_ DW_GUARDED_BY(mutex_);
};

Dispatcher::Dispatcher(JobStore& store, const redis::Client::Options& bell_connection,
                       const Clock& clock, WorkerId worker, Metrics& metrics, Callbacks callbacks)
    : impl_(std::make_unique<Impl>(store, bell_connection, clock, std::move(worker), metrics,
                                   std::move(callbacks))) {}
Dispatcher::~Dispatcher() { stop(); }
void Dispatcher::start() { impl_->start(); }
void Dispatcher::stop() { impl_->stop(); }
void Dispatcher::hold(const Lease& lease) { impl_->hold(lease); }
void Dispatcher::forget(const JobId& id) { impl_->forget(id); }
void Dispatcher::note_timer(int shard, std::int64_t next_due_ms, std::int64_t server_now_ms) {
  impl_->note_timer(shard, next_due_ms, server_now_ms);
}

}  // namespace deskwire::jobs
