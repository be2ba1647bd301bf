#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "config/schedule.h"
#include "core/result.h"
#include "core/time_zone.h"

namespace deskwire::worker {

/// A time that does not count, [from, to) in UTC; without `to` it still lasts.
struct Pause {
  std::int64_t from_ms = 0;
  std::optional<std::int64_t> to_ms = std::nullopt;
  friend bool operator==(const Pause&, const Pause&) = default;
};

/// Counts open time. All instants are Unix milliseconds, all spans milliseconds of open time;
/// pauses may overlap and come in any order.
///
/// Local times become instants first, then everything is arithmetic: an opening that the clocks
/// skip opens when they are put forward; of a time that is shown twice the first counts, for
/// opening and closing alike (docs/sla.md, "Calendars").
///
/// Pure. Thread safety: const methods may be called concurrently.
class Calendar {
 public:
  /// Longest time that a deadline or an opening is looked for.
  static constexpr std::int64_t kHorizonMs = 400LL * 86400 * 1000;

  /// @errors kNotFound: a time zone is unknown; the message begins with its name in quotes.
  static Result<Calendar> make(const config::Calendar& versions);
  /// Open 24 hours a day.
  static Calendar always();

  /// The earliest T >= start with elapsed(start, T) = target. Time that is used up exactly at
  /// closing ends at closing, not at the next opening.
  ///
  /// @param target_ms  > 0.
  /// @return           nullopt: not within kHorizonMs, or an open pause comes before.
  std::optional<std::int64_t> deadline(std::int64_t start_ms, std::int64_t target_ms,
                                       std::span<const Pause> pauses = {}) const;

  /// Open time in [start, end); 0 when end <= start.
  std::int64_t elapsed(std::int64_t start_ms, std::int64_t end_ms,
                       std::span<const Pause> pauses = {}) const;

  /// The earliest open instant >= at; nullopt: none within kHorizonMs.
  std::optional<std::int64_t> next_open(std::int64_t at_ms) const;

  bool is_open(std::int64_t at_ms) const;

  /// The number of the version in effect then (config::ScheduleVersion::version).
  int version_at(std::int64_t at_ms) const;

 private:
  struct Version {
    int number;
    std::int64_t from_ms;  ///< The first one's reaches back for ever.
    config::Schedule schedule;
    std::optional<TimeZone> zone;  ///< None: always open.
  };
  struct Span {
    std::int64_t from_ms;
    std::int64_t to_ms;
  };

  /// Calls visit(Span) for each open span of [from, to), in order, until it answers false.
  template <typename Visit>
  void each_open(std::int64_t from_ms, std::int64_t to_ms, Visit visit) const;
  template <typename Visit>
  static bool each_open_of(const Version& version, std::int64_t from_ms, std::int64_t to_ms,
                           Visit visit);

  std::vector<Version> versions_;
};

}  // namespace deskwire::worker
