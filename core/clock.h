#pragma once

#include <chrono>
#include <cstdint>

namespace deskwire {

using Milliseconds = std::chrono::milliseconds;
using MonotonicTime = std::chrono::steady_clock::time_point;

/// Time as an argument. Wall clock for what leaves the process, monotonic for durations.
///
/// Thread safety: every method may be called concurrently.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Unix time in milliseconds.
  virtual std::int64_t wall_ms() const = 0;
  /// Never goes back; only differences have a meaning.
  virtual MonotonicTime monotonic() const = 0;
};

/// The machine's clocks.
class SystemClock final : public Clock {
 public:
  std::int64_t wall_ms() const override;
  MonotonicTime monotonic() const override;
};

}  // namespace deskwire
