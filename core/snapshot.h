#pragma once

#include <memory>
#include <utility>

#include "core/mutex.h"

namespace deskwire {

/// A value that is read as a whole while another one may be put in its place. Who has read one
/// keeps it unchanged for as long as it is held; the last holder destroys it, on whatever thread.
///
///   const auto settings = settings_.read();  // once per request: it never mixes old and new
///
/// Thread safety: every method may be called concurrently.
template <typename Value>
class Snapshot {
 public:
  /// @param value  Not null.
  explicit Snapshot(std::shared_ptr<Value> value) : value_(std::move(value)) {}
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  std::shared_ptr<Value> read() const DW_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return value_;
  }
  /// Whoever reads after this has returned gets the new one. @param value  Not null.
  void replace(std::shared_ptr<Value> value) DW_EXCLUDES(mutex_) {
    // Swapped, so that the old one is not destroyed under the lock.
    const MutexLock lock(mutex_);
    value_.swap(value);
  }

 private:
  mutable Mutex mutex_;
  std::shared_ptr<Value> value_ DW_GUARDED_BY(mutex_);
};

}  // namespace deskwire
