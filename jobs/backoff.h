#pragma once

#include <cstdint>

#include "core/clock.h"

namespace deskwire::jobs {

/// Delay before the next attempt, with full jitter: uniform in [0, min(cap, base·2^(attempt−1))].
///
/// @param attempt  Attempts already made, ≥ 1.
/// @param random   Any 64 random bits.
/// Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
Milliseconds backoff(int attempt, Milliseconds base, Milliseconds cap, std::uint64_t random);

}  // namespace deskwire::jobs
