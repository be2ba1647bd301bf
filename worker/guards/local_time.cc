#include "worker/guards/local_time.h"

#include <cctz/civil_time.h>
#include <cctz/time_zone.h>

#include <algorithm>
#include <array>
#include <chrono>

namespace deskwire::worker {
namespace {

constexpr std::array<const char*, 7> kDays{"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

std::string day_before(const std::string& day) {
  for (std::size_t i = 0; i < kDays.size(); ++i) {
    if (day == kDays.at(i)) return kDays.at((i + kDays.size() - 1) % kDays.size());
  }
  return day;
}

bool is_listed(const std::vector<std::string>& days, const std::string& day) {
  return days.empty() || std::find(days.begin(), days.end(), day) != days.end();
}

}  // namespace

LocalTime local_time(std::int64_t unix_ms, const std::string& zone) {
  cctz::time_zone where = cctz::utc_time_zone();
  cctz::load_time_zone(zone, &where);
  const std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds> moment{
      std::chrono::milliseconds(unix_ms)};
  const cctz::civil_second civil = cctz::convert(moment, where);
  const auto day = static_cast<std::size_t>(cctz::get_weekday(cctz::civil_day(civil)));
  return {kDays.at(day), cctz::format("%Y-%m-%d", moment, where),
          cctz::format("%H:%M", moment, where)};
}

bool is_within(const LocalTime& now, const std::vector<std::string>& days, const std::string& from,
               const std::string& to) {
  if (from.empty() || to.empty()) return is_listed(days, now.day);
  if (from < to) return is_listed(days, now.day) && now.time >= from && now.time < to;
  return (is_listed(days, now.day) && now.time >= from) ||
         (is_listed(days, day_before(now.day)) && now.time < to);
}

}  // namespace deskwire::worker
