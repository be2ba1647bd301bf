#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/time_zone.h"

/// When an office is open, as plain values (`sla.calendars`, `deskwire sla deadline --schedule`).
namespace deskwire::config {

/// [opens, closes) of one local day, in seconds since its midnight; closes is at most 86400.
struct OpenHours {
  int opens_s = 0;
  int closes_s = 0;
  friend bool operator==(const OpenHours&, const OpenHours&) = default;
};

using DayHours = std::vector<OpenHours>;

struct Schedule {
  bool always = false;            ///< 24x7; nothing else is looked at.
  std::string timezone;           ///< Of the tz database.
  std::array<DayHours, 7> hours;  ///< Monday first. Sorted, without overlaps.
  /// A date here, or among the holidays, replaces the weekday's hours. Not in both.
  std::map<LocalDay, DayHours> overrides;
  std::set<LocalDay> holidays;
  std::map<LocalDay, DayHours> breaks;  ///< Taken out of whatever the day has.
};

/// A schedule in effect from a moment on, until the next one's.
struct ScheduleVersion {
  int version = 1;
  std::optional<std::int64_t> effective_from_ms;  ///< Absent: since ever.
  Schedule schedule;
};

/// A named schedule with its later versions; the past is never rewritten by an edit. Before the
/// first version's moment the first one counts too.
struct Calendar {
  ScheduleVersion first;
  std::vector<ScheduleVersion> changes;  ///< By effective_from_ms, ascending.
};

}  // namespace deskwire::config
