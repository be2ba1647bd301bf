#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "config/config.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "core/mutex.h"
#include "core/snapshot.h"
#include "jobs/job_store.h"
#include "webhooks/source_book.h"
#include "webhooks/spool_log.h"
#include "webhooks/understood_delivery.h"

namespace deskwire::webhooks {

/// Carries the front of a spool to the store in waves: of each conversation its oldest delivery,
/// the next one only when that is in. So a failure in the middle never lets a later one overtake.
///
/// Thread safety: one thread at a time, which may be another one than the store answers on;
/// reload() from any.
class SpoolDrain {
 public:
  SpoolDrain(const config::Config& config, jobs::JobStore& store, const Clock& clock,
             Metrics& metrics);

  /// What is read from the spool from now on is understood by this book.
  void reload(std::shared_ptr<const SourceBook> book) { book_.replace(std::move(book)); }

  /// Sends a wave. Not while one is under way.
  ///
  /// @param most      Records looked at; 1 to find out whether the store answers again.
  /// @param answered  Called when the last answer of the wave is there; at once when nothing had
  ///                  to be sent. On any thread, perhaps before this returns.
  void begin(SpoolLog& spool, std::size_t most, std::function<void()> answered);

  struct Settled {
    std::size_t drained = 0;  ///< Records that have left the spool.
    bool failed = false;      ///< The store did not answer: wait before the next wave.
    Error cause = {};         ///< Of the failure.
  };
  /// Lets go of a wave whose answers will not be taken in any more, and so of what its callback
  /// keeps alive.
  void abandon() { wave_.reset(); }
  /// Takes in the answers of the wave that is over.
  Settled settle(SpoolLog& spool);

 private:
  struct Item;
  struct Wave;
  std::shared_ptr<Item> load(SpoolLog& spool, const SpoolLog::Entry& entry, Error& unreadable);
  void understand_item(Item& item) const;
  void send(const std::shared_ptr<Wave>& wave, const std::shared_ptr<Item>& item);
  bool judge(SpoolLog& spool, Item& item, Settled& settled);
  void set_aside(SpoolLog& spool, const Item& item, const Error& cause);

  Snapshot<const SourceBook> book_;
  const std::size_t max_payload_bytes_;
  jobs::JobStore& store_;
  const Clock& clock_;
  Metrics::Counter& accepted_;
  Metrics::Counter& duplicates_;
  Metrics::Counter& lane_full_;
  Metrics::Counter& aside_;
  std::deque<std::shared_ptr<Item>> window_;  ///< The log's first entries, in order.
  std::shared_ptr<Wave> wave_;
};

}  // namespace deskwire::webhooks
