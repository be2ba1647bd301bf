#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "core/clock.h"

namespace deskwire::testing {

/// Time that moves only when a test says so.
///
/// Thread safety: every method may be called concurrently.
class ManualClock final : public Clock {
 public:
  /// Starts at a fixed, easily recognised moment: 2026-11-21T10:00:00Z.
  explicit ManualClock(std::int64_t wall_ms = 1795255200000) : wall_ms_(wall_ms) {}

  std::int64_t wall_ms() const override { return wall_ms_.load(); }
  MonotonicTime monotonic() const override {
    return MonotonicTime{} + std::chrono::hours(1) + Milliseconds(elapsed_ms_.load());
  }

  /// Both clocks go on, as in life.
  void advance(Milliseconds by) {
    wall_ms_ += by.count();
    elapsed_ms_ += by.count();
  }
  /// Only the wall clock jumps, also backwards: what an operator or NTP does.
  void set_wall_ms(std::int64_t wall_ms) { wall_ms_ = wall_ms; }

 private:
  std::atomic<std::int64_t> wall_ms_;
  std::atomic<std::int64_t> elapsed_ms_{0};
};

}  // namespace deskwire::testing
