#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>

#include "core/clock.h"

namespace deskwire::publishers {

/// So many a second, and so many at once. Not thread-safe.
class TokenBucket {
 public:
  TokenBucket(int per_second, int burst, MonotonicTime now)
      : per_second_(per_second), burst_(burst), tokens_(burst), filled_(now) {}

  bool take(MonotonicTime now) {
    const std::chrono::duration<double> passed = now - filled_;
    tokens_ = std::min(burst_, tokens_ + passed.count() * per_second_);
    filled_ = now;
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }
  /// Until the next one is there, after take() has refused.
  Milliseconds delay() const {
    return Milliseconds(static_cast<std::int64_t>(std::ceil((1 - tokens_) * 1000 / per_second_)));
  }
  bool full(MonotonicTime now) const {
    const std::chrono::duration<double> passed = now - filled_;
    return tokens_ + passed.count() * per_second_ >= burst_;
  }

 private:
  double per_second_;
  double burst_;
  double tokens_;
  MonotonicTime filled_;
};

}  // namespace deskwire::publishers
