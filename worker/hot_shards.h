#pragma once

#include <array>
#include <cstddef>
#include <deque>
#include <optional>

#include "core/ids.h"
#include "core/mutex.h"

namespace deskwire::worker {

/// The shards that may have ready lanes, in the order in which that became known. Idle threads wait
/// here.
///
/// A shard is taken out before it is asked for work, so that an offer which comes during the
/// question puts it in again: no wake-up is lost.
///
/// Thread safety: every method may be called concurrently.
class HotShards {
 public:
  /// Wakes one waiting thread. Never blocks. Outside 0..15: ignored.
  void offer(int shard);
  /// Waits for a shard and takes it; nullopt: closed.
  std::optional<int> take();
  /// Whether shards wait to be taken. If not, one is wanted from now on.
  bool any_other();
  /// Blocks until a thread has nothing to do or another shard is wanted; returns at once when
  /// closed.
  void wait_until_wanted();
  /// Lets every waiting thread go, now and later, until open() is called.
  void close();
  void open();

 private:
  bool wanted() const DW_REQUIRES(mutex_);

  Mutex mutex_;
  CondVar changed_;
  CondVar wanted_changed_;
  bool closed_ DW_GUARDED_BY(mutex_) = false;
  std::size_t idle_ DW_GUARDED_BY(mutex_) = 0;  ///< Threads in take().
  bool other_wanted_ DW_GUARDED_BY(mutex_) = false;
  std::deque<int> waiting_ DW_GUARDED_BY(mutex_);
  std::array<bool, kShardCount> is_waiting_ DW_GUARDED_BY(mutex_){};
};

}  // namespace deskwire::worker
