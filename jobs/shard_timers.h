#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "core/clock.h"
#include "core/ids.h"

namespace deskwire::jobs {

/// When each shard's first timer is due, on the local clock.
///
/// The server's time is known from its answers: "server now − local now" can only come out too
/// small, by the time an answer was on its way. So the largest sample is the best one, and a due
/// time computed with it is late by less than a round trip and never early by more than 1 ms.
///
/// Thread safety: none; the owner holds its lock.
class ShardTimers {
 public:
  /// An answer with this server time was received at `received_at`.
  void sample(std::int64_t server_now_ms, MonotonicTime received_at) {
    if (server_now_ms <= 0) return;
    const Milliseconds offset = Milliseconds{server_now_ms} - local(received_at);
    offset_ = offset_ ? std::max(*offset_, offset) : offset;
  }
  /// Before the samples of a round: the server's clock may have been set back.
  void forget_clock() { offset_.reset(); }

  /// A timer of the shard is due at this server time (0: none).
  void earlier(int shard, std::int64_t due_ms) {
    if (due_ms <= 0) return;
    std::int64_t& known = due_ms_.at(static_cast<std::size_t>(shard));
    known = known == 0 ? due_ms : std::min(known, due_ms);
  }
  void clear(int shard) { due_ms_.at(static_cast<std::size_t>(shard)) = 0; }

  bool is_due(int shard, MonotonicTime now) const {
    return due_at(due_ms_.at(static_cast<std::size_t>(shard))) <= now;
  }
  /// The earliest of all shards; far away when there is none.
  MonotonicTime first() const {
    MonotonicTime earliest = MonotonicTime::max();
    for (const std::int64_t due_ms : due_ms_) earliest = std::min(earliest, due_at(due_ms));
    return earliest;
  }

 private:
  static Milliseconds local(MonotonicTime at) {
    return std::chrono::duration_cast<Milliseconds>(at.time_since_epoch());
  }
  MonotonicTime due_at(std::int64_t due_ms) const {
    if (due_ms == 0 || !offset_) return MonotonicTime::max();
    return MonotonicTime{Milliseconds{due_ms} - *offset_};
  }

  std::optional<Milliseconds> offset_;  ///< Server time − local time.
  std::array<std::int64_t, kShardCount> due_ms_{};
};

}  // namespace deskwire::jobs
