// DESIGN
// One thread ("spool") owns the files. Others hand it records under a short lock; it writes all
// that gathered, waits for the disk once, and answers them (group commit). Between two commits it
// sends waves to the store, whose answers come on the store's thread and only wake this one: so a
// store that hangs never delays a commit.
//
// `waiting_` counts what was handed over and has not left again. While it is not 0, the receiver
// sends deliveries here instead of to the store: nothing can overtake what was answered before.

#include "webhooks/delivery_spool.h"

#include <atomic>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include "core/log.h"
#include "core/mutex.h"
#include "webhooks/spool_drain.h"
#include "webhooks/spool_log.h"

namespace deskwire::webhooks {
namespace {

using std::chrono::steady_clock;

/// How often a store that does not answer is asked again. Asking costs one small request.
constexpr Milliseconds kStoreRetry{200};
constexpr Milliseconds kOpenRetry{1000};
constexpr std::chrono::hours kIdle{1};

}  // namespace

class DeliverySpool::Core : public std::enable_shared_from_this<Core> {
 public:
  Core(Options options, const config::Config& config, jobs::JobStore& store, const Clock& clock,
       Metrics& metrics)
      : options_(std::move(options)),
        clock_(clock),
        drain_(config, store, clock, metrics),
        cut_(metrics.counter("deskwire_spool_cut_total",
                             "Unfinished writes that were cut off the spool at a start.")),
        damaged_(metrics.counter("deskwire_spool_damaged_total",
                                 "Damaged pieces that were found in the spool at a start.")),
        up_(metrics.gauge("deskwire_spool_up", "1 while the spool can take deliveries.")),
        entries_gauge_(metrics.gauge("deskwire_spool_entries", "Deliveries that wait on disk.")),
        bytes_gauge_(metrics.gauge("deskwire_spool_bytes", "What the spool takes on disk.")),
        age_gauge_(metrics.gauge("deskwire_spool_oldest_age_seconds",
                                 "How long the first delivery in the spool has waited.")) {}

  /// Reads what a wave found, so it outlives the spool; the age grows while nothing happens.
  void watch(Metrics& metrics) {
    metrics.on_render([weak = weak_from_this()] {
      if (const auto core = weak.lock()) core->refresh_age();
    });
  }

  void start() {
    if (options_.max_bytes == 0) return;
    {
      const MutexLock lock(mutex_);
      if (stopped_ || thread_.joinable()) return;
    }
    try_open();
    thread_ = std::thread([self = shared_from_this()] {
      log::name_thread("spool");
      self->run();
    });
  }

  void stop() {
    {
      const MutexLock lock(mutex_);
      stopped_ = true;
      changed_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
    // Answers of the store may keep us alive; the next process must not wait for them.
    spool_.reset();
    drain_.abandon();
    up_.set(0);
  }

  void reload(std::shared_ptr<const SourceBook> book) { drain_.reload(std::move(book)); }
  bool enabled() const { return options_.max_bytes > 0; }
  bool holds_back() const { return waiting_ > 0; }

  void append(const SpooledDelivery& delivery, Done done) {
    Pending pending{encode_spool_record(delivery), delivery.accepted_at_ms, std::move(done)};
    const Status taken = hand_over(pending);
    if (!taken) pending.done(taken);
  }

 private:
  struct Pending {
    std::string record;
    std::int64_t accepted_at_ms = 0;
    Done done;
  };
  struct Work {
    std::vector<Pending> appends;
    bool wave_over = false;
    bool stop = false;
  };

  /// Moves from `pending` only when it is taken.
  Status hand_over(Pending& pending) {
    const MutexLock lock(mutex_);
    if (stopped_) return fail(ErrorCode::kCancelled, "spool: stopped");
    if (!open_) return fail(ErrorCode::kUnavailable, "spool: it cannot be used; see the log");
    const std::size_t bytes = disk_bytes_ + pending_bytes_ + pending.record.size();
    if (bytes > options_.max_bytes) {
      return fail(ErrorCode::kFull, "spool: " + std::to_string(disk_bytes_ + pending_bytes_) +
                                        " bytes wait already (receiver.spool.max_bytes)");
    }
    ++waiting_;
    pending_bytes_ += pending.record.size();
    appends_.push_back(std::move(pending));
    changed_.notify_all();
    return {};
  }

  void run() {
    for (;;) {
      Work work = next_work();
      if (!work.appends.empty()) commit(std::move(work.appends));
      if (work.wave_over) settle();
      if (work.stop) return;
      if (!spool_) {
        if (steady_clock::now() >= next_try_) try_open();
      } else if (!wave_under_way_ && !spool_->entries().empty() &&
                 steady_clock::now() >= next_try_) {
        begin_wave();
      }
    }
  }

  Work next_work() {
    const MutexLock lock(mutex_);
    for (;;) {
      const bool idle = wave_under_way_ || (spool_ && spool_->entries().empty());
      const auto wake = idle ? steady_clock::now() + kIdle : next_try_;
      if (stopped_ || !appends_.empty() || wave_over_ || steady_clock::now() >= wake) break;
      changed_.wait_until(mutex_, wake);
    }
    Work work;
    work.appends.swap(appends_);
    work.wave_over = std::exchange(wave_over_, false);
    work.stop = stopped_;
    return work;
  }

  void try_open() {
    next_try_ = steady_clock::now() + kOpenRetry;
    auto opened = SpoolLog::open(options_.directory, options_.max_bytes);
    if (!opened) {
      // Once: it is tried again each second.
      if (!std::exchange(told_unusable_, true)) {
        log::error("spool_unusable", {{"cause", opened.error().message},
                                      {"next", "deliveries are answered 429 while redis is away"}});
      }
      return;
    }
    spool_.emplace(std::move(*opened));
    told_unusable_ = false;
    next_try_ = steady_clock::now();
    const SpoolFindings& found = spool_->findings();
    cut_.add(static_cast<double>(found.cut_tails));
    damaged_.add(static_cast<double>(found.damaged));
    tell(found);
    drained_ = 0;
    begun_at_ = clock_.monotonic();
    up_.set(1);
    const MutexLock lock(mutex_);
    open_ = true;
    waiting_ += found.entries;
    count_disk();
  }

  static void tell(const SpoolFindings& found) {
    if (found.entries > 0) log::info("spool_found", {{"entries", std::uint64_t{found.entries}}});
    if (found.cut_tails > 0) {
      log::warn("spool_tail_cut",
                {{"count", std::uint64_t{found.cut_tails}},
                 {"bytes", std::uint64_t{found.cut_bytes}},
                 {"next", "none: writes that were never confirmed; kept in set-aside.bin"}});
    }
    if (found.damaged > 0) {
      log::error("spool_damaged", {{"pieces", std::uint64_t{found.damaged}},
                                   {"next", "check the disk; see set-aside.bin in the spool"}});
    }
    if (found.lost_bytes > 0) {
      log::error("spool_damage_not_kept", {{"bytes", std::uint64_t{found.lost_bytes}}});
    }
  }

  void commit(std::vector<Pending> pending) {
    std::vector<std::pair<std::string, std::int64_t>> records;
    std::size_t bytes = 0;
    const bool first = spool_->entries().empty();
    for (Pending& one : pending) {
      bytes += one.record.size();
      records.emplace_back(std::move(one.record), one.accepted_at_ms);
    }
    const Status written = spool_->append(records);
    {
      const MutexLock lock(mutex_);
      pending_bytes_ -= bytes;
      if (!written) waiting_ -= records.size();
      count_disk();
    }
    if (!written) {
      log::error("spool_write_failed", {{"deliveries", std::uint64_t{records.size()}},
                                        {"cause", written.error().message}});
    } else if (first) {
      log::warn("spool_begun", {{"next", "it drains by itself when redis answers"}});
      drained_ = 0;
      begun_at_ = clock_.monotonic();
    }
    for (const Pending& one : pending) one.done(written);
  }

  void begin_wave() {
    wave_under_way_ = true;
    const std::size_t most = probing_ ? 1 : std::max<std::size_t>(options_.drain_batch, 1);
    drain_.begin(*spool_, most, [self = shared_from_this()] {
      const MutexLock lock(self->mutex_);
      self->wave_over_ = true;
      self->changed_.notify_all();
    });
  }

  void settle() {
    wave_under_way_ = false;
    const SpoolDrain::Settled settled = drain_.settle(*spool_);
    drained_ += settled.drained;
    if (settled.failed && !std::exchange(probing_, true)) {
      log::warn("spool_waits", {{"entries", std::uint64_t{spool_->entries().size()}},
                                {"cause", settled.cause.message}});
    }
    if (!settled.failed && settled.drained > 0) probing_ = false;
    const bool stuck = settled.failed || settled.drained == 0;
    next_try_ = steady_clock::now() + (stuck ? kStoreRetry : Milliseconds(0));
    const MutexLock lock(mutex_);
    waiting_ -= settled.drained;
    count_disk();
    if (settled.drained > 0 && spool_->entries().empty()) {
      const auto took = std::chrono::duration_cast<Milliseconds>(clock_.monotonic() - begun_at_);
      log::info("spool_drained",
                {{"deliveries", std::uint64_t{drained_}}, {"ms", std::int64_t{took.count()}}});
    }
  }

  void count_disk() DW_REQUIRES(mutex_) {
    disk_bytes_ = spool_->bytes_on_disk();
    oldest_ms_ = spool_->entries().empty() ? 0 : spool_->entries().front().accepted_at_ms;
    entries_gauge_.set(static_cast<double>(spool_->entries().size()));
    bytes_gauge_.set(static_cast<double>(disk_bytes_));
  }

  void refresh_age() {
    const MutexLock lock(mutex_);
    const std::int64_t age_ms = oldest_ms_ == 0 ? 0 : clock_.wall_ms() - oldest_ms_;
    age_gauge_.set(static_cast<double>(std::max<std::int64_t>(age_ms, 0)) / 1000.0);
  }

  const Options options_;
  const Clock& clock_;

  // Of the spool's thread (and of start(), before it), but for reload().
  SpoolDrain drain_;
  std::optional<SpoolLog> spool_;
  steady_clock::time_point next_try_;
  bool wave_under_way_ = false;
  bool probing_ = false;  ///< The store did not answer: one record finds out whether it does again.
  bool told_unusable_ = false;
  std::size_t drained_ = 0;  ///< Since the spool was empty.
  MonotonicTime begun_at_;

  std::atomic<std::size_t> waiting_{0};
  Mutex mutex_;
  CondVar changed_;
  bool stopped_ DW_GUARDED_BY(mutex_) = false;
  bool open_ DW_GUARDED_BY(mutex_) = false;
  bool wave_over_ DW_GUARDED_BY(mutex_) = false;
  std::vector<Pending> appends_ DW_GUARDED_BY(mutex_);
  std::size_t pending_bytes_ DW_GUARDED_BY(mutex_) = 0;
  std::size_t disk_bytes_ DW_GUARDED_BY(mutex_) = 0;
  std::int64_t oldest_ms_ DW_GUARDED_BY(mutex_) = 0;

  Metrics::Counter& cut_;
  Metrics::Counter& damaged_;
  Metrics::Gauge& up_;
  Metrics::Gauge& entries_gauge_;
  Metrics::Gauge& bytes_gauge_;
  Metrics::Gauge& age_gauge_;
  std::thread thread_;
};

DeliverySpool::DeliverySpool(Options options, const config::Config& config, jobs::JobStore& store,
                             const Clock& clock, Metrics& metrics)
    : core_(std::make_shared<Core>(std::move(options), config, store, clock, metrics)) {
  core_->watch(metrics);
}
DeliverySpool::~DeliverySpool() { stop(); }

void DeliverySpool::start() { core_->start(); }
void DeliverySpool::stop() { core_->stop(); }
void DeliverySpool::reload(std::shared_ptr<const SourceBook> book) {
  core_->reload(std::move(book));
}
bool DeliverySpool::enabled() const { return core_->enabled(); }
bool DeliverySpool::holds_back() const { return core_->holds_back(); }
void DeliverySpool::append(const SpooledDelivery& delivery, Done done) {
  core_->append(delivery, std::move(done));
}

}  // namespace deskwire::webhooks
