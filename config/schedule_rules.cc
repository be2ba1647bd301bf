#include "config/schedule_rules.h"

#include <algorithm>

#include "config/value_forms.h"
#include "core/timestamp.h"

namespace deskwire::config {
namespace {

constexpr int kHorizonDays = 400;

std::string key_of(const std::string& path, const char* key) {
  return path.empty() ? key : path + "." + key;
}

bool is_empty(const WeekHours& hours) {
  return std::all_of(hours.begin(), hours.end(), [](const DayHours& day) { return day.empty(); });
}

void check_schedule(const Schedule& schedule, const std::string& path, Problems& problems) {
  if (schedule.always) {
    if (!is_empty(schedule.hours) || !schedule.overrides.empty() || !schedule.holidays.empty() ||
        !schedule.breaks.empty()) {
      problems.add(key_of(path, "always"),
                   "is true beside hours, overrides, holidays or breaks; remove one or the other");
    }
    return;
  }
  if (schedule.timezone.empty()) {
    problems.add(key_of(path, "timezone"),
                 R"(is missing; write a name such as "Europe/Berlin", or "always": true for 24x7)");
  }
  for (const auto& [day, hours] : schedule.overrides) {
    if (!schedule.holidays.contains(day)) continue;
    problems.add(key_of(path, "overrides"), day_text(day) +
                                                " is a holiday as well; keep it in one of the two "
                                                "([] as an override means closed)");
  }
}

bool breaks_cover(const Schedule& schedule, LocalDay day, const DayHours& hours) {
  const auto found = schedule.breaks.find(day);
  if (found == schedule.breaks.end()) return hours.empty();
  DayHours breaks = found->second;
  std::sort(breaks.begin(), breaks.end(),
            [](const OpenHours& a, const OpenHours& b) { return a.opens_s < b.opens_s; });
  return std::all_of(hours.begin(), hours.end(), [&](const OpenHours& open) {
    int from = open.opens_s;
    for (const OpenHours& pause : breaks) {
      if (pause.opens_s <= from) from = std::max(from, pause.closes_s);
    }
    return from >= open.closes_s;
  });
}

}  // namespace

void check_calendar(const Calendar& calendar, const std::string& path, Problems& problems) {
  check_schedule(calendar.first.schedule, path, problems);
  auto last = calendar.first.effective_from_ms;
  for (std::size_t i = 0; i < calendar.changes.size(); ++i) {
    const ScheduleVersion& change = calendar.changes[i];
    const std::string place = key_of(path, "changes") + "[" + std::to_string(i) + "]";
    check_schedule(change.schedule, place, problems);
    if (!change.effective_from_ms) {
      problems.add(place + ".effective_from",
                   R"(is missing; write the moment, such as "2026-11-20T00:00:00Z")");
    } else if (last && *change.effective_from_ms <= *last) {
      problems.add(place + ".effective_from", iso8601(*change.effective_from_ms) +
                                                  " is not after the version in front of it (" +
                                                  iso8601(*last) + "); sort the changes");
    }
    if (change.effective_from_ms) last = change.effective_from_ms;
  }
}

bool opens_within_horizon(const Schedule& schedule, LocalDay first) {
  if (schedule.always) return true;
  for (int i = 0; i < kHorizonDays; ++i) {
    const LocalDay day = first + std::chrono::days(i);
    const auto own = schedule.overrides.find(day);
    const DayHours hours = own != schedule.overrides.end() ? own->second
                           : schedule.holidays.contains(day)
                               ? DayHours{}
                               : schedule.hours.at(std::chrono::weekday(day).iso_encoding() - 1);
    if (!breaks_cover(schedule, day, hours)) return true;
  }
  return false;
}

}  // namespace deskwire::config
