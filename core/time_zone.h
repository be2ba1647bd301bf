#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "core/result.h"

namespace deskwire {

/// A day of the calendar on the wall, whatever the zone.
using LocalDay = std::chrono::local_days;

/// Clocks on the wall of one place: the whole use that is made of the zone library, so that another
/// one can take its place.
///
/// A value; copies share the zone's data. Thread safety: const methods may be called concurrently.
class TimeZone {
 public:
  /// Reads the zone's file, once a process (`TZDIR`, else the system's).
  ///
  /// @param name  As in the tz database: "Europe/Berlin", "Etc/UTC".
  /// @errors kNotFound: no such zone on this system.
  static Result<TimeZone> load(const std::string& name);

  /// The instant at which that wall clock shows `day` and `second` for the first time. A time that
  /// the clocks skip is the instant at which they were put forward. Never goes back as (day,
  /// second) goes on, so that intervals of local time cannot turn round or overlap.
  ///
  /// @param second  Of the day, 0..86400; 86400 is the next day's 00:00.
  /// @return        Unix ms.
  std::int64_t to_utc_ms(LocalDay day, int second) const;

  /// The day that the wall clock shows.
  LocalDay local_day(std::int64_t unix_ms) const;

 private:
  struct Data;
  explicit TimeZone(std::shared_ptr<const Data> data) : data_(std::move(data)) {}

  std::shared_ptr<const Data> data_;
};

}  // namespace deskwire
