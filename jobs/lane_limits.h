#pragma once

#include <cstddef>
#include <cstdint>

#include "core/channel_log.h"
#include "core/clock.h"
#include "jobs/effects.h"

namespace deskwire::jobs {

/// Limits and periods that every JobStore applies (config jobs.*).
struct LaneLimits {
  Milliseconds lease{10000};
  int max_crashes = 3;
  std::size_t max_payload_bytes = std::size_t{16} << 20U;
  std::size_t max_lane_jobs = 10000;
  std::size_t max_halts = 10000;       ///< Pauses and parked lanes of a shard.
  bool park_dead_heads = false;        ///< A lane whose job died is parked; its hand-off runs.
  std::int64_t completed_max = 10000;  ///< Finished jobs kept a shard, newest first.
  std::int64_t completed_max_age_s = 86400;
  std::int64_t dead_max_age_s = std::int64_t{30} * 86400;
  bool clocks_run = false;  ///< There are SLA policies: facts make clocks due.
  /// So long a post that cannot be seen may still be on its way.
  Milliseconds effect_settle{kEffectSettleMs};
  ChannelLogLimits log;
};

}  // namespace deskwire::jobs
