#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "core/result.h"
#include "jobs/job_store.h"
#include "webhooks/source_book.h"
#include "webhooks/spool_record.h"

namespace deskwire::webhooks {

/// Where deliveries wait on disk while Redis is away, so that their senders need not send again.
///
/// While it holds any, later deliveries go behind them: the order in which a receiver answered is
/// the order in which they are enqueued, per conversation. It drains by itself, a batch at a time,
/// each conversation one after the other; a delivery leaves the disk once the store has it. The
/// receipt that the sender was told makes a repeat after a crash recognise itself, and duplicates
/// are found by the store as ever.
///
/// A record that can never be taken in does not hold up the others: one that its lane has no room
/// for goes to the dead letters as `lane_full`, one whose source is gone or that the store calls
/// corrupt to the file set-aside.bin.
///
/// One process uses a directory. Another one waits for the lock, without a spool, and takes it over
/// when the first has ended.
///
/// Thread safety: start and stop from one thread, the rest from any.
class DeliverySpool {
 public:
  struct Options {
    std::string directory;
    std::size_t max_bytes = 0;    ///< On disk; 0: there is no spool.
    std::size_t drain_batch = 0;  ///< Records under way to the store.
  };
  using Done = std::function<void(Status)>;

  DeliverySpool(Options options, const config::Config& config, jobs::JobStore& store,
                const Clock& clock, Metrics& metrics);
  ~DeliverySpool();  ///< Calls stop().
  DeliverySpool(const DeliverySpool&) = delete;
  DeliverySpool& operator=(const DeliverySpool&) = delete;

  /// Looks through what an earlier life has left, before it returns: what comes now goes behind.
  /// A directory that cannot be used is logged and tried again each second.
  void start();
  /// Confirms what was appended, then joins. What waits stays on disk. Twice, unstarted: fine.
  void stop();

  /// What is sent to the store from now on goes by this book.
  void reload(std::shared_ptr<const SourceBook> book);

  /// Whether the config wants one (receiver.spool.max_bytes above 0).
  bool enabled() const;
  /// Whether a delivery must go behind others that wait here already.
  bool holds_back() const;

  /// Calls `done` when the delivery is on disk, on the spool's thread; at once where it is refused.
  /// @errors kFull: no room. kUnavailable: there is no spool, or the disk refused it.
  ///         kCancelled: stopped.
  void append(const SpooledDelivery& delivery, Done done);

 private:
  class Core;
  std::shared_ptr<Core> core_;  ///< Shared with answers of the store, which may outlive us.
};

}  // namespace deskwire::webhooks
