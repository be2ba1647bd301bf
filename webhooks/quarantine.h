#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <thread>
#include <utility>

#include "core/clock.h"
#include "core/metrics.h"
#include "core/mutex.h"
#include "webhooks/line_budget.h"
#include "webhooks/refused_delivery.h"

namespace deskwire::webhooks {

/// Keeps refused deliveries for people to look at, on a thread of its own, bounded in bytes and
/// age.
///
/// In files rather than in Redis: what strangers send must not take the memory that refuses work
/// when it is full, and it is there while Redis is away.
///
/// A flood does not push out everything else: each source and reason has its own share (a quarter
/// of the bytes) and its own rate; the oldest of that share goes first. What is not kept is
/// counted.
///
/// Thread safety: start and stop from one thread, keep from any.
class Quarantine {
 public:
  struct Options {
    std::string directory;
    std::size_t max_bytes = 0;  ///< 0: nothing is kept.
    std::int64_t max_age_s = 0;
    std::uint64_t max_per_minute = 0;  ///< For each source and reason.
  };

  Quarantine(Options options, const Clock& clock, Metrics& metrics);
  ~Quarantine();  ///< Calls stop().
  Quarantine(const Quarantine&) = delete;
  Quarantine& operator=(const Quarantine&) = delete;

  void start();
  void stop();  ///< Writes what was taken, then joins. Twice, unstarted: fine.

  /// Whether keep() would take one of this kind now; to be asked before a body is copied. Counts.
  bool wants(const std::string& source, const std::string& reason, std::size_t bytes);
  /// Never blocks; `id` is made up here.
  void keep(RefusedDelivery delivery);

 private:
  using Kind = std::pair<std::string, std::string>;  ///< Source, reason.
  struct Share {
    std::deque<RefusedSummary> files;  ///< Oldest first.
    std::size_t bytes = 0;
  };

  void run();
  void write(RefusedDelivery delivery);
  void look_through();
  void make_room();
  void remove_oldest(Share& share);
  void drop(const char* why);

  const Options options_;
  const std::size_t share_bytes_;
  const Clock& clock_;
  Metrics& metrics_;
  Metrics::Counter& kept_;
  Metrics::Gauge& bytes_gauge_;

  // Of the quarantine's thread.
  std::map<Kind, Share> shares_;
  std::size_t bytes_ = 0;
  bool told_ = false;  ///< That the disk refuses; once an episode.

  Mutex mutex_;
  CondVar changed_;
  bool stopped_ DW_GUARDED_BY(mutex_) = false;
  std::map<Kind, LineBudget> budgets_ DW_GUARDED_BY(mutex_);
  std::deque<RefusedDelivery> waiting_ DW_GUARDED_BY(mutex_);
  std::size_t waiting_bytes_ DW_GUARDED_BY(mutex_) = 0;
  std::thread thread_;
};

}  // namespace deskwire::webhooks
