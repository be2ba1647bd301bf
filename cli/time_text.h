#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"

namespace deskwire::cli {

/// "2026-11-21T10:00:00Z"; "-" for 0.
std::string iso_time(std::int64_t unix_ms);

/// How long ago, for tables: "12s", "5m", "3h", "9d"; "-" for 0; "in 5m" for the future.
std::string age(std::int64_t unix_ms, std::int64_t now_ms);

/// A duration as people say it: "40 s", "5 min", "3 h", "9 days".
std::string spoken(std::int64_t ms);
/// "3 s ago", "in 40 s", "now".
std::string spoken_moment(std::int64_t unix_ms, std::int64_t now_ms);
/// "14:02:11Z" today, "2026-11-21 14:02:11Z" on another day.
std::string clock_time(std::int64_t unix_ms, std::int64_t now_ms);

/// A moment in the past as people write it: "90s", "15m", "2h", "7d" before `now_ms`, or
/// "2026-11-21T10:00:00Z", the date alone (midnight UTC), or Unix milliseconds.
/// @errors kInvalid with the forms.
Result<std::int64_t> parse_since(std::string_view text, std::int64_t now_ms);

}  // namespace deskwire::cli
