#include "worker/sla/clock_keeper.h"

#include <algorithm>
#include <array>
#include <thread>
#include <utility>
#include <vector>

#include "core/ids.h"
#include "core/log.h"
#include "core/mutex.h"
#include "core/redis/redis_subscriber.h"
#include "jobs/clock_store.h"
#include "jobs/keys.h"
#include "jobs/shard_timers.h"
#include "worker/sla/clock_plan.h"
#include "worker/sla/gathering.h"

namespace deskwire::worker {
namespace {

constexpr std::size_t kMostAtOnce = 64;
/// Whoever dies between taking and applying leaves a conversation due again after this.
constexpr Milliseconds kClaim{2000};
/// For timers that a process armed and then died.
constexpr Milliseconds kRound{2000};
constexpr Milliseconds kRestore{180000};

std::vector<std::string> bell_keys() {
  std::vector<std::string> all;
  all.reserve(kShardCount);
  for (int shard = 0; shard < kShardCount; ++shard) all.push_back(jobs::keys::clock_bell(shard));
  return all;
}

}  // namespace

/// DESIGN. The thread "sla" sleeps until the earliest of: a doorbell (facts came, or a mark), the
/// first timer of a shard, the next round. It takes what is due in those shards (clock_take.lua
/// claims it for two seconds), folds each conversation's facts, and writes the outcome with
/// clock_apply.lua, which refuses it when a fact or another look came in between. An event is told
/// in the script that moves the timer on, so it is told once. Global channels lie in other shards:
/// the script puts their events on a list of its shard, and whoever looks next relays them.
///
/// A timer that only a dead process knew is found in the next round of another one.
///
/// Locks: mutex_ guards what other threads touch; the timers belong to the thread "sla".
class ClockKeeper::Impl {
 public:
  Impl(redis::Client& client, ChannelLog& log, Options options,
       std::shared_ptr<const PolicyBook> book, const Clock& clock, Metrics& metrics)
      : log_(log),
        store_(std::make_shared<jobs::ClockStore>(client, options.log)),
        clock_(clock),
        book_(std::move(book)),
        told_(metrics.counter("deskwire_sla_events_total", "Events told about SLA clocks")),
        looks_(metrics.counter("deskwire_sla_looks_total", "Looks at a conversation's clocks")),
        restored_(metrics.counter("deskwire_sla_timers_restored_total",
                                  "SLA timers that were missing and are there again")),
        overdue_(metrics.gauge("deskwire_sla_overdue",
                               "Conversations whose clocks nobody looked at for a minute")),
        bell_(std::move(options.bell), bell_keys(), [this](std::string_view key) { heard(key); }) {}

  ~Impl() { stop(); }

  void start() {
    if (thread_.joinable()) return;
    {
      const MutexLock lock(mutex_);
      stopping_ = false;
      restore_at_ = round_at_ = clock_.monotonic();
    }
    thread_ = std::thread([this] { run(); });
    restorer_ = std::thread([this] { run_restorer(); });
    bell_.start();
  }

  void stop() {
    if (!thread_.joinable()) return;
    {
      const MutexLock lock(mutex_);
      stopping_ = true;
      changed_.notify_all();
    }
    bell_.stop();
    thread_.join();
    restorer_.join();
  }

  void set_book(std::shared_ptr<const PolicyBook> book) {
    const MutexLock lock(mutex_);
    book_ = std::move(book);
    all_are_due_ = true;
    restore_at_ = clock_.monotonic();
    changed_.notify_all();
  }

 private:
  using Shards = std::array<bool, kShardCount>;

  void heard(std::string_view key) {
    const int shard = jobs::keys::shard_of(key);
    const MutexLock lock(mutex_);
    if (shard >= 0) {
      rung_.at(static_cast<std::size_t>(shard)) = true;
    } else {
      rung_.fill(true);  // Connected again: whatever rang meanwhile.
    }
    changed_.notify_all();
  }

  void run() {
    log::name_thread("sla");
    while (true) {
      Shards due{};
      std::shared_ptr<const PolicyBook> book;
      {
        const MutexLock lock(mutex_);
        if (!sleep_until_due()) return;
        const MonotonicTime now = clock_.monotonic();
        const bool round = now >= round_at_;
        if (round) {
          round_at_ = now + kRound;
          timers_.forget_clock();
        }
        for (int shard = 0; shard < kShardCount; ++shard) {
          const auto index = static_cast<std::size_t>(shard);
          due.at(index) = round || rung_.at(index) || timers_.is_due(shard, now);
        }
        rung_.fill(false);
        book = book_;
      }
      look(due, *book);
    }
  }

  /// @return False: stop.
  bool sleep_until_due() DW_REQUIRES(mutex_) {
    while (!stopping_) {
      if (std::find(rung_.begin(), rung_.end(), true) != rung_.end()) return true;
      const MonotonicTime now = clock_.monotonic();
      const MonotonicTime due = std::min(round_at_, timers_.first());
      if (due <= now) return true;
      changed_.wait_until(mutex_, std::chrono::steady_clock::now() + (due - now));
    }
    return false;
  }

  void look(const Shards& due, const PolicyBook& book) {
    const auto takes = std::make_shared<Gathering<jobs::DueClocks>>();
    std::vector<int> shards;
    for (int shard = 0; shard < kShardCount; ++shard) {
      if (!due.at(static_cast<std::size_t>(shard))) continue;
      shards.push_back(shard);
      timers_.clear(shard);
      store_->take(shard, kMostAtOnce, kClaim, takes->slot());
    }
    const auto taken = takes->wait();
    const auto applies = std::make_shared<Gathering<jobs::ClockOutcome>>();
    std::vector<int> applied;
    bool failed = false;
    for (std::size_t i = 0; i < taken.size(); ++i) {
      if (!taken[i]) {
        failed = true;
        note_failure(taken[i].error());
        continue;
      }
      take_in(shards[i], *taken[i]);
      for (const jobs::StoredClocks& stored : taken[i]->conversations) {
        applied.push_back(shards[i]);
        store_->apply(plan_clocks(stored, book, taken[i]->now_ms), applies->slot());
      }
    }
    finish(applied, applies->wait());
    if (!failed && failing_) {
      failing_ = false;
      log::info("sla_restored");
    }
  }

  void take_in(int shard, const jobs::DueClocks& due) {
    timers_.sample(due.now_ms, clock_.monotonic());
    timers_.earlier(shard, due.next_due_ms);
    if (due.outgoing > 0) relay(shard);
    if (due.conversations.size() == kMostAtOnce) ring(shard);
  }

  void finish(const std::vector<int>& shards,
              const std::vector<Result<jobs::ClockOutcome>>& outcomes) {
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      looks_.add();
      if (!outcomes[i]) {
        note_failure(outcomes[i].error());
        continue;
      }
      const jobs::ClockOutcome& outcome = *outcomes[i];
      timers_.earlier(shards[i], outcome.next_due_ms);
      told_.add(static_cast<double>(outcome.told));
      if (outcome.stale) ring(shards[i]);
      if (outcome.told > 0 || outcome.outgoing > 0) relay(shards[i]);
    }
  }

  void ring(int shard) {
    const MutexLock lock(mutex_);
    rung_.at(static_cast<std::size_t>(shard)) = true;
    changed_.notify_all();
  }

  void note_failure(const Error& error) {
    if (failing_) return;
    failing_ = true;
    log::warn("sla_failed", {{"reason", error.message}, {"next", "trying again"}});
  }

  /// At most one relay of a shard under way: the order of its events is kept.
  struct Relays {
    Mutex mutex;
    std::array<int, kShardCount> wanted DW_GUARDED_BY(mutex){};
  };

  void relay(int shard) {
    {
      const MutexLock lock(relays_->mutex);
      if (relays_->wanted.at(static_cast<std::size_t>(shard))++ > 0) return;
    }
    send_relay(store_, log_, relays_, shard);
  }

  static void send_relay(const std::shared_ptr<jobs::ClockStore>& store, ChannelLog& log,
                         const std::shared_ptr<Relays>& relays, int shard) {
    store->relay(shard, log, [store, &log, relays, shard](Result<bool> more) {
      bool again = false;
      {
        const MutexLock lock(relays->mutex);
        int& wanted = relays->wanted.at(static_cast<std::size_t>(shard));
        again = more && (*more || wanted > 1);
        wanted = again ? 1 : 0;
      }
      if (again) send_relay(store, log, relays, shard);
    });
  }

  void run_restorer() {
    log::name_thread("sla-restore");
    bool adopted = false;
    while (true) {
      bool all = false;
      bool adopts = false;
      {
        const MutexLock lock(mutex_);
        while (!stopping_ && clock_.monotonic() < restore_at_) {
          changed_.wait_until(
              mutex_, std::chrono::steady_clock::now() + (restore_at_ - clock_.monotonic()));
        }
        if (stopping_) return;
        restore_at_ = clock_.monotonic() + kRestore;
        all = std::exchange(all_are_due_, false);
        adopts = !book_->empty() && (all || !adopted);
      }
      const bool done = restore(all) && (!adopts || store_->adopt());
      adopted = adopted || (done && adopts);
      const MutexLock lock(mutex_);
      rung_.fill(true);
      if (!done) {
        restore_at_ = clock_.monotonic() + kRound;
        all_are_due_ = all_are_due_ || all;
      }
      changed_.notify_all();
    }
  }

  bool restore(bool all) {
    std::int64_t restored = 0;
    std::int64_t overdue = 0;
    for (int shard = 0; shard < kShardCount; ++shard) {
      const auto found = store_->restore(shard, all);
      if (!found) return false;
      restored += found->restored;
      overdue += found->overdue;
    }
    overdue_.set(static_cast<double>(overdue));
    if (restored > 0 && !all) {
      restored_.add(static_cast<double>(restored));
      log::warn("sla_timers_restored", {{"timers", restored}});
    }
    return true;
  }

  ChannelLog& log_;
  /// Shared with relays under way, which may outlive us.
  const std::shared_ptr<jobs::ClockStore> store_;
  const Clock& clock_;
  Mutex mutex_;
  CondVar changed_;
  bool stopping_ DW_GUARDED_BY(mutex_) = false;
  std::shared_ptr<const PolicyBook> book_ DW_GUARDED_BY(mutex_);
  bool all_are_due_ DW_GUARDED_BY(mutex_) = false;
  MonotonicTime round_at_ DW_GUARDED_BY(mutex_);
  MonotonicTime restore_at_ DW_GUARDED_BY(mutex_);
  Shards rung_ DW_GUARDED_BY(mutex_){};
  jobs::ShardTimers timers_;  ///< Thread "sla" only.
  bool failing_ = false;      ///< Thread "sla" only.
  const std::shared_ptr<Relays> relays_ = std::make_shared<Relays>();
  Metrics::Counter& told_;
  Metrics::Counter& looks_;
  Metrics::Counter& restored_;
  Metrics::Gauge& overdue_;
  std::thread thread_;
  std::thread restorer_;
  redis::BellListener bell_;
};

ClockKeeper::ClockKeeper(redis::Client& client, ChannelLog& log, Options options,
                         std::shared_ptr<const PolicyBook> book, const Clock& clock,
                         Metrics& metrics)
    : impl_(std::make_unique<Impl>(client, log, std::move(options), std::move(book), clock,
                                   metrics)) {}
ClockKeeper::~ClockKeeper() = default;
void ClockKeeper::start() { impl_->start(); }
void ClockKeeper::stop() { impl_->stop(); }
void ClockKeeper::set_book(std::shared_ptr<const PolicyBook> book) {
  impl_->set_book(std::move(book));
}

}  // namespace deskwire::worker
