#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace deskwire::worker {

/// A moment as the clock on the wall shows it.
struct LocalTime {
  std::string day;   ///< "mon" … "sun"
  std::string date;  ///< "2026-11-27"
  std::string time;  ///< "09:05"
};

/// @param zone  "Europe/Berlin"; an unknown one is UTC (the config refuses it).
LocalTime local_time(std::int64_t unix_ms, const std::string& zone);

/// Whether it is one of `days` (empty: every day) and not before `from` and before `to`; both
/// empty: all day. `to` at or before `from`: until that time of the next day, which belongs to its
/// day of beginning.
bool is_within(const LocalTime& now, const std::vector<std::string>& days, const std::string& from,
               const std::string& to);

}  // namespace deskwire::worker
