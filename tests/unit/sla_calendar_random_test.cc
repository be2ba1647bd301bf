// Random schedules, against a reference that looks at every single second, with the C library's
// clock on the wall in place of ours.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <ctime>
#include <random>

#include "tests/support/catch.h"
#include "worker/sla/calendar.h"

using namespace deskwire;
using config::DayHours;
using config::Schedule;
using worker::Calendar;
using worker::Pause;

namespace {

constexpr std::int64_t kDay = 86400;
constexpr std::int64_t kWindow = 3 * kDay;  // Around a change of the clocks.
constexpr std::int64_t kRunIn = 2 * kDay;   // Before it: what the wall has shown already.
constexpr int kSchedulesPerPlace = 6;
constexpr int kCasesPerSchedule = 140;

using Random = std::mt19937;

struct Place {
  const char* zone;
  std::int64_t change_s;  ///< An instant at which its clocks are changed.
};
constexpr std::array<Place, 12> kPlaces = {{{"Europe/Berlin", 1743296400},
                                            {"Europe/Berlin", 1761440400},
                                            {"America/New_York", 1741503600},
                                            {"America/New_York", 1762063200},
                                            {"Australia/Lord_Howe", 1743865200},
                                            {"Australia/Lord_Howe", 1759591800},
                                            {"America/Sao_Paulo", 1541300400},
                                            {"America/Sao_Paulo", 1550368800},
                                            {"Africa/Cairo", 1714082400},
                                            {"Pacific/Apia", 1325239200},
                                            {"Asia/Kathmandu", 1749168000},
                                            {"Asia/Pyongyang", 1525446000}}};

std::int64_t between(Random& random, std::int64_t low, std::int64_t high) {
  return std::uniform_int_distribution<std::int64_t>(low, high)(random);
}

DayHours random_day(Random& random) {
  // Quarters of an hour, so that openings fall on the changes of the clocks.
  std::vector<int> cuts;
  for (std::int64_t i = 2 * between(random, 0, 3); i > 0; --i) {
    cuts.push_back(static_cast<int>(between(random, 0, 96)) * 900);
  }
  std::sort(cuts.begin(), cuts.end());
  DayHours hours;
  for (std::size_t i = 0; i + 1 < cuts.size(); i += 2) {
    if (cuts[i] < cuts[i + 1]) hours.push_back({cuts[i], cuts[i + 1]});
  }
  return hours;
}

Schedule random_schedule(Random& random, const Place& place) {
  Schedule schedule;
  schedule.timezone = place.zone;
  for (DayHours& day : schedule.hours) day = random_day(random);
  const LocalDay change{std::chrono::days(place.change_s / kDay)};
  const auto some_day = [&] { return change + std::chrono::days(between(random, -2, 2)); };
  if (between(random, 0, 1) == 0) schedule.holidays.insert(some_day());
  if (const LocalDay day = some_day(); !schedule.holidays.contains(day)) {
    schedule.overrides[day] = random_day(random);
  }
  schedule.breaks[some_day()] = random_day(random);
  return schedule;
}

/// What the wall has shown at most, in seconds since 1970 of local time, at each second from
/// `from_s` on: an hour that is shown twice counts the first time, one that is skipped is passed.
std::vector<std::int64_t> wall_clock(const Place& place, std::int64_t from_s) {
  ::setenv("TZ", place.zone, 1);
  ::tzset();
  std::vector<std::int64_t> wall;
  std::int64_t furthest = 0;
  long offset = 0;
  for (std::int64_t s = from_s - kRunIn; s < from_s + kWindow; ++s) {
    if (s % 60 == 0) {
      const auto time = static_cast<std::time_t>(s);
      std::tm parts{};
      ::localtime_r(&time, &parts);
      offset = parts.tm_gmtoff;
    }
    furthest = std::max(furthest, s + offset);
    if (s >= from_s) wall.push_back(furthest);
  }
  return wall;
}

bool contains(const DayHours& hours, std::int64_t second) {
  return std::any_of(hours.begin(), hours.end(), [second](const auto& open) {
    return second >= open.opens_s && second < open.closes_s;
  });
}

bool is_open(const Schedule& schedule, std::int64_t wall_s) {
  const LocalDay day{std::chrono::days(wall_s / kDay)};
  const std::int64_t second = wall_s % kDay;
  const auto pause = schedule.breaks.find(day);
  if (pause != schedule.breaks.end() && contains(pause->second, second)) return false;
  if (schedule.holidays.contains(day)) return false;
  const auto own = schedule.overrides.find(day);
  if (own != schedule.overrides.end()) return contains(own->second, second);
  return contains(schedule.hours.at((std::chrono::weekday(day).iso_encoding() + 6) % 7), second);
}

struct Case {
  std::int64_t start = 0;
  std::int64_t target = 0;
  std::vector<Pause> pauses;
};

Case random_case(Random& random, std::int64_t from_s) {
  const std::int64_t last = kWindow - 1;
  Case one{between(random, 0, last), between(random, 1, 2 * kDay), {}};
  for (std::int64_t i = between(random, 0, 3); i > 0; --i) {
    const std::int64_t begin = between(random, 0, last);
    const bool lasts = between(random, 0, 9) == 0;
    const std::int64_t end = begin + between(random, 0, kDay);
    one.pauses.push_back(
        {(from_s + begin) * 1000, lasts ? std::nullopt : std::optional((from_s + end) * 1000)});
  }
  return one;
}

bool is_paused(const Case& one, std::int64_t now_ms) {
  return std::any_of(one.pauses.begin(), one.pauses.end(), [now_ms](const Pause& pause) {
    return now_ms >= pause.from_ms && (!pause.to_ms || now_ms < *pause.to_ms);
  });
}

/// Seconds at which something begins or ends; between two of them all seconds are alike.
std::vector<std::int64_t> boundaries(const Case& one, const std::vector<std::int64_t>& openings,
                                     std::int64_t from_s) {
  std::vector<std::int64_t> cuts = {one.start, kWindow};
  const auto add = [&](std::int64_t s) {
    if (s > one.start && s < kWindow) cuts.push_back(s);
  };
  for (const std::int64_t s : openings) add(s);
  for (const Pause& pause : one.pauses) {
    add(pause.from_ms / 1000 - from_s);
    if (pause.to_ms) add(*pause.to_ms / 1000 - from_s);
  }
  std::sort(cuts.begin(), cuts.end());
  return cuts;
}

void check_case(const Case& one, const std::vector<char>& open,
                const std::vector<std::int64_t>& openings, std::int64_t from_s,
                const Calendar& calendar) {
  std::int64_t counted = 0;
  std::optional<std::int64_t> due;
  std::optional<std::int64_t> next;
  const auto cuts = boundaries(one, openings, from_s);
  for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
    if (open[static_cast<std::size_t>(cuts[i])] == 0) continue;
    if (!next) next = cuts[i];
    if (is_paused(one, (from_s + cuts[i]) * 1000)) continue;
    const std::int64_t before = counted;
    counted += cuts[i + 1] - cuts[i];
    if (!due && counted >= one.target) due = cuts[i] + one.target - before;
  }
  const std::int64_t start_ms = (from_s + one.start) * 1000;
  CHECK(calendar.elapsed(start_ms, (from_s + kWindow) * 1000, one.pauses) == counted * 1000);
  const auto found = calendar.deadline(start_ms, one.target * 1000, one.pauses);
  if (due) {
    CHECK(found == (from_s + *due) * 1000);
  } else if (found) {
    CHECK(*found > (from_s + kWindow) * 1000);
  }
  if (next) CHECK(calendar.next_open(start_ms) == (from_s + *next) * 1000);
}

}  // namespace

TEST_CASE("10,000 random cases are counted as second by second", "[worker][sla][calendar]") {
  Random random(20261127);  // NOLINT(cert-msc51-cpp): the same cases every time.
  int cases = 0;
  for (const Place& place : kPlaces) {
    const std::int64_t from_s = place.change_s - kWindow / 2;
    const auto wall = wall_clock(place, from_s);
    for (int i = 0; i < kSchedulesPerPlace; ++i) {
      config::Calendar versions;
      versions.first.schedule = random_schedule(random, place);
      const Calendar calendar = *Calendar::make(versions);
      std::vector<char> open;
      std::vector<std::int64_t> openings;
      for (const std::int64_t wall_s : wall) {
        const char now = is_open(versions.first.schedule, wall_s) ? 1 : 0;
        if (!open.empty() && open.back() != now) {
          openings.push_back(static_cast<std::int64_t>(open.size()));
        }
        open.push_back(now);
      }
      for (int j = 0; j < kCasesPerSchedule; ++j, ++cases) {
        CAPTURE(place.zone, place.change_s, i, j);
        check_case(random_case(random, from_s), open, openings, from_s, calendar);
      }
    }
  }
  CHECK(cases > 10000);
}
