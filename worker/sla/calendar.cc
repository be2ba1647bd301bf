#include "worker/sla/calendar.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <limits>
#include <utility>

#include "config/problems.h"

namespace deskwire::worker {
namespace {

using config::DayHours;
using config::OpenHours;

constexpr std::int64_t kEver = std::numeric_limits<std::int64_t>::max();

/// `hours` without what `breaks` cover, which may overlap and come in any order.
DayHours without(const DayHours& hours, DayHours breaks) {
  std::sort(breaks.begin(), breaks.end(),
            [](const OpenHours& a, const OpenHours& b) { return a.opens_s < b.opens_s; });
  DayHours left;
  for (const OpenHours& open : hours) {
    int from = open.opens_s;
    for (const OpenHours& pause : breaks) {
      if (pause.opens_s > from) left.push_back({from, std::min(pause.opens_s, open.closes_s)});
      from = std::max(from, pause.closes_s);
      if (from >= open.closes_s) break;
    }
    if (from < open.closes_s) left.push_back({from, open.closes_s});
  }
  return left;
}

DayHours hours_on(const config::Schedule& schedule, LocalDay day) {
  DayHours hours;
  if (const auto found = schedule.overrides.find(day); found != schedule.overrides.end()) {
    hours = found->second;
  } else if (!schedule.holidays.contains(day)) {
    hours = schedule.hours.at(std::chrono::weekday(day).iso_encoding() - 1);
  }
  const auto breaks = schedule.breaks.find(day);
  return breaks == schedule.breaks.end() ? hours : without(hours, breaks->second);
}

/// Sorted, without overlaps; one that still lasts ends at kEver.
std::vector<std::pair<std::int64_t, std::int64_t>> union_of(std::span<const Pause> pauses) {
  std::vector<std::pair<std::int64_t, std::int64_t>> sorted;
  for (const Pause& pause : pauses) sorted.emplace_back(pause.from_ms, pause.to_ms.value_or(kEver));
  std::sort(sorted.begin(), sorted.end());
  std::vector<std::pair<std::int64_t, std::int64_t>> merged;
  for (const auto& pause : sorted) {
    if (pause.second <= pause.first) continue;
    if (!merged.empty() && pause.first <= merged.back().second) {
      merged.back().second = std::max(merged.back().second, pause.second);
    } else {
      merged.push_back(pause);
    }
  }
  return merged;
}

/// Calls visit(from, to) for each part of [from, to) outside the pauses, until it answers false.
template <typename Visit>
bool each_unpaused(std::int64_t from, std::int64_t to,
                   const std::vector<std::pair<std::int64_t, std::int64_t>>& pauses, Visit visit) {
  auto pause = std::lower_bound(pauses.begin(), pauses.end(), from,
                                [](const auto& one, std::int64_t at) { return one.second <= at; });
  for (; pause != pauses.end() && pause->first < to; ++pause) {
    if (pause->first > from && !visit(from, pause->first)) return false;
    from = pause->second;
    if (from >= to) return true;
  }
  return visit(from, to);
}

}  // namespace

Calendar Calendar::always() {
  config::Calendar versions;
  versions.first.schedule.always = true;
  return std::move(*make(versions));
}

Result<Calendar> Calendar::make(const config::Calendar& versions) {
  Calendar calendar;
  const auto add = [&](const config::ScheduleVersion& one, std::int64_t from_ms) -> Status {
    Version version{one.version, from_ms, one.schedule, std::nullopt};
    if (!one.schedule.always) {
      auto zone = TimeZone::load(one.schedule.timezone);
      if (!zone) {
        return fail(zone.error().code,
                    config::in_quotes(one.schedule.timezone) + " " + zone.error().message);
      }
      version.zone = std::move(*zone);
    }
    calendar.versions_.push_back(std::move(version));
    return {};
  };
  if (auto added = add(versions.first, -kEver); !added) return fail(std::move(added.error()));
  for (const config::ScheduleVersion& change : versions.changes) {
    auto added = add(change, change.effective_from_ms.value_or(-kEver));
    if (!added) return fail(std::move(added.error()));
  }
  return calendar;
}

int Calendar::version_at(std::int64_t at_ms) const {
  const auto after =
      std::find_if(versions_.begin() + 1, versions_.end(),
                   [at_ms](const Version& version) { return version.from_ms > at_ms; });
  return std::prev(after)->number;
}

template <typename Visit>
bool Calendar::each_open_of(const Version& version, std::int64_t from_ms, std::int64_t to_ms,
                            Visit visit) {
  if (!version.zone) return visit(Span{from_ms, to_ms});
  // A clock that is put back over midnight shows yesterday again, so the days begin earlier.
  for (LocalDay day = version.zone->local_day(from_ms) - std::chrono::days(2);
       version.zone->to_utc_ms(day, 0) < to_ms; day += std::chrono::days(1)) {
    for (const OpenHours& open : hours_on(version.schedule, day)) {
      const Span span{std::max(from_ms, version.zone->to_utc_ms(day, open.opens_s)),
                      std::min(to_ms, version.zone->to_utc_ms(day, open.closes_s))};
      if (span.from_ms < span.to_ms && !visit(span)) return false;
    }
  }
  return true;
}

template <typename Visit>
void Calendar::each_open(std::int64_t from_ms, std::int64_t to_ms, Visit visit) const {
  for (std::size_t i = 0; i < versions_.size(); ++i) {
    const std::int64_t from = std::max(from_ms, versions_[i].from_ms);
    const std::int64_t to =
        i + 1 < versions_.size() ? std::min(to_ms, versions_[i + 1].from_ms) : to_ms;
    if (from < to && !each_open_of(versions_[i], from, to, visit)) return;
  }
}

std::optional<std::int64_t> Calendar::deadline(std::int64_t start_ms, std::int64_t target_ms,
                                               std::span<const Pause> pauses) const {
  if (target_ms <= 0) return std::nullopt;
  const auto paused = union_of(pauses);
  std::int64_t left = target_ms;
  std::optional<std::int64_t> found;
  each_open(start_ms, start_ms + kHorizonMs, [&](const Span& span) {
    return each_unpaused(span.from_ms, span.to_ms, paused, [&](std::int64_t from, std::int64_t to) {
      if (to - from >= left) {
        found = from + left;
        return false;
      }
      left -= to - from;
      return true;
    });
  });
  return found;
}

std::int64_t Calendar::elapsed(std::int64_t start_ms, std::int64_t end_ms,
                               std::span<const Pause> pauses) const {
  const auto paused = union_of(pauses);
  std::int64_t sum = 0;
  each_open(start_ms, end_ms, [&](const Span& span) {
    return each_unpaused(span.from_ms, span.to_ms, paused, [&](std::int64_t from, std::int64_t to) {
      sum += to - from;
      return true;
    });
  });
  return sum;
}

std::optional<std::int64_t> Calendar::next_open(std::int64_t at_ms) const {
  std::optional<std::int64_t> found;
  each_open(at_ms, at_ms + kHorizonMs, [&](const Span& span) {
    found = span.from_ms;
    return false;
  });
  return found;
}

bool Calendar::is_open(std::int64_t at_ms) const {
  bool open = false;
  each_open(at_ms, at_ms + 1, [&](const Span&) {
    open = true;
    return false;
  });
  return open;
}

}  // namespace deskwire::worker
