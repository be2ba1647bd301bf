#include "core/time_zone.h"

#include <cctz/civil_time.h>
#include <cctz/time_zone.h>

#include <algorithm>

namespace deskwire {
namespace {

constexpr std::size_t kMaxName = 64;

using Instant = cctz::time_point<cctz::seconds>;

/// cctz would also read absolute paths and forms of its own.
bool is_name(const std::string& name) {
  if (name.empty() || name.size() > kMaxName || name.front() == '/') return false;
  if (name.find("..") != std::string::npos) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' ||
           c == '_' || c == '-' || c == '+';
  });
}

cctz::civil_second civil(LocalDay day, int second) {
  const std::chrono::year_month_day date{day};
  return cctz::civil_second(static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                            static_cast<unsigned>(date.day())) +
         second;
}

}  // namespace

struct TimeZone::Data {
  cctz::time_zone zone;
};

Result<TimeZone> TimeZone::load(const std::string& name) {
  auto data = std::make_shared<Data>();
  if (!is_name(name) || name == "localtime" || !cctz::load_time_zone(name, &data->zone)) {
    return fail(ErrorCode::kNotFound,
                "is no time zone of this system; write a name such as \"Europe/Berlin\", and see "
                "that the package tzdata is installed");
  }
  return TimeZone(std::move(data));
}

std::int64_t TimeZone::to_utc_ms(LocalDay day, int second) const {
  const auto found = data_->zone.lookup(civil(day, second));
  const bool skipped = found.kind == cctz::time_zone::civil_lookup::SKIPPED;
  return (skipped ? found.trans : found.pre).time_since_epoch().count() * 1000;
}

LocalDay TimeZone::local_day(std::int64_t unix_ms) const {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(std::chrono::milliseconds(unix_ms));
  const auto local = data_->zone.lookup(Instant(cctz::seconds(seconds.count()))).cs;
  return LocalDay{std::chrono::year{static_cast<int>(local.year())} /
                  std::chrono::month{static_cast<unsigned>(local.month())} /
                  std::chrono::day{static_cast<unsigned>(local.day())}};
}

}  // namespace deskwire
