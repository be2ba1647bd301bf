#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "jobs/alert_desk.h"
#include "publishers/codes.h"

namespace deskwire::publishers {

/// The longest snooze, and the one that is meant when nobody says how long.
inline constexpr std::int64_t kLongestSnoozeS = 7LL * 86400;
inline constexpr std::int64_t kUsualSnoozeS = 1800;

/// Reads how long a snooze lasts from a request's body, for every door: `until` as an ISO 8601
/// time or `duration_s` in seconds, one of them; kUsualSnoozeS without.
///
/// @param body    An object.
/// @param now_ms  Unix ms, for `until`.
/// @param change  Gets `until_ms` and `lasts`; untouched when refused.
/// @return kBadField with the field when it is no time from 1 second to kLongestSnoozeS from now,
///         or both are given.
std::optional<Refusal> read_snooze(const nlohmann::json& body, std::int64_t now_ms,
                                   jobs::AlertChange& change);

}  // namespace deskwire::publishers
