#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "core/clock.h"
#include "core/mutex.h"

namespace deskwire::webhooks {

/// At most so many things in each minute, for what strangers can cause at will.
///
/// Thread safety: every method may be called concurrently.
class LineBudget {
 public:
  explicit LineBudget(std::uint64_t per_minute) : per_minute_(per_minute) {}

  /// Whether one more is allowed; then the number of those that were not, since the last that was.
  std::optional<std::uint64_t> take(MonotonicTime now) {
    const MutexLock lock(mutex_);
    if (!begun_ || now - *begun_ >= std::chrono::minutes(1)) {
      begun_ = now;
      taken_ = 0;
    }
    if (taken_ >= per_minute_) {
      ++left_out_;
      return std::nullopt;
    }
    ++taken_;
    return std::exchange(left_out_, 0);
  }

 private:
  const std::uint64_t per_minute_;
  Mutex mutex_;
  std::optional<MonotonicTime> begun_ DW_GUARDED_BY(mutex_);
  std::uint64_t taken_ DW_GUARDED_BY(mutex_) = 0;
  std::uint64_t left_out_ DW_GUARDED_BY(mutex_) = 0;
};

}  // namespace deskwire::webhooks
