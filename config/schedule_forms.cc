// How openings are written: days, dates and times of the wall clock.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "config/nearest.h"
#include "config/value_forms.h"
#include "core/timestamp.h"

namespace deskwire::config {
namespace {

using nlohmann::json;
using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxDayIntervals = 48;
constexpr std::size_t kMaxDates = 5000;
constexpr int kDaySeconds = 86400;
constexpr std::array<const char*, 7> kDays = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

/// Seconds of the day of "HH:MM", 00:00 to 24:00.
std::optional<int> parse_wall_time(const json& value) {
  if (!value.is_string()) return std::nullopt;
  const auto& text = value.get_ref<const std::string&>();
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const auto hour = parse_digits(text.substr(0, 2));
  const auto minute = parse_digits(text.substr(3));
  if (!hour || !minute || *minute > 59) return std::nullopt;
  const auto seconds = static_cast<int>((*hour * 60 + *minute) * 60);
  return seconds > kDaySeconds ? std::nullopt : std::optional(seconds);
}

std::string wall_time(int seconds) {
  std::array<char, 24> text{};
  const int size =
      std::snprintf(text.data(), text.size(), "%02d:%02d", seconds / 3600, seconds / 60 % 60);
  return {text.data(), static_cast<std::size_t>(size)};
}

std::optional<OpenHours> read_interval(const json& value, const std::string& path,
                                       Problems& problems) {
  if (!value.is_array() || value.size() != 2) {
    problems.add(path, R"(is no interval; write ["09:00", "17:00"])");
    return std::nullopt;
  }
  const auto opens = parse_wall_time(value[0]);
  const auto closes = parse_wall_time(value[1]);
  if (!opens || !closes) {
    problems.add(path, in_quotes((opens ? value[1] : value[0]).dump()) +
                           " is no time; write HH:MM, 00:00 to 24:00");
    return std::nullopt;
  }
  if (*closes <= *opens) {
    problems.add(path, wall_time(*closes) + " does not come after " + wall_time(*opens) +
                           "; write a night as two intervals: until 24:00, and from 00:00 on the "
                           "next day");
    return std::nullopt;
  }
  return OpenHours{*opens, *closes};
}

DayHours read_day(const json& value, const std::string& path, Problems& problems, bool sorted) {
  DayHours hours;
  if (!value.is_array() || value.size() > kMaxDayIntervals) {
    problems.add(path, "is no list of at most " + std::to_string(kMaxDayIntervals) +
                           R"( intervals; write [["09:00", "17:00"]], or [] for closed)");
    return hours;
  }
  for (std::size_t i = 0; i < value.size(); ++i) {
    const std::string place = path + "[" + std::to_string(i) + "]";
    const auto interval = read_interval(value[i], place, problems);
    if (!interval) continue;
    if (sorted && !hours.empty() && interval->opens_s < hours.back().closes_s) {
      problems.add(place, "begins at " + wall_time(interval->opens_s) + ", before the end of the " +
                              "interval in front of it (" + wall_time(hours.back().closes_s) +
                              "); sort them and let none overlap");
      continue;
    }
    hours.push_back(*interval);
  }
  return hours;
}

Json day_json(const DayHours& hours) {
  Json list = Json::array();
  for (const OpenHours& open : hours) {
    list.push_back(Json::array({wall_time(open.opens_s), wall_time(open.closes_s)}));
  }
  return list;
}

std::optional<LocalDay> read_date(const std::string& text, const std::string& path,
                                  Problems& problems) {
  const auto day = parse_day(text);
  if (!day) problems.add(path, in_quotes(text) + " is no date; write it as 2026-12-24");
  return day;
}

}  // namespace

std::optional<LocalDay> parse_day(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto year = parse_digits(text.substr(0, 4));
  const auto month = parse_digits(text.substr(5, 2));
  const auto day = parse_digits(text.substr(8, 2));
  if (!year || !month || !day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{static_cast<int>(*year)},
                                         std::chrono::month{static_cast<unsigned>(*month)},
                                         std::chrono::day{static_cast<unsigned>(*day)}};
  return date.ok() ? std::optional(LocalDay{date}) : std::nullopt;
}

std::string day_text(LocalDay day) {
  const std::chrono::sys_days same{day.time_since_epoch()};
  const std::int64_t ms = std::chrono::milliseconds(same.time_since_epoch()).count();
  return iso8601(ms).substr(0, 10);
}

void read_value(const json& value, const std::string& path, Problems& problems, WeekHours& target) {
  if (!value.is_object()) {
    return problems.add(path, R"(is no object; write {"mon": [["09:00", "17:00"]], …})");
  }
  WeekHours hours;
  const std::vector<std::string> known(kDays.begin(), kDays.end());
  for (const auto& [name, intervals] : value.items()) {
    std::size_t day = 0;
    while (day < kDays.size() && name != kDays.at(day)) ++day;
    if (day == kDays.size()) {
      // "monday" is far from "mon" in letters, and near in meaning.
      const auto meant = nearest(name.substr(0, 3), known);
      problems.add(path, in_quotes(name) + " is not one of mon, tue, wed, thu, fri, sat, sun" +
                             (meant ? "; did you mean \"" + *meant + "\"?" : ""));
      continue;
    }
    hours.at(day) = read_day(intervals, path + "." + name, problems, true);
  }
  target = std::move(hours);
}

std::string write_value(const WeekHours& value) {
  Json object = Json::object();
  for (std::size_t day = 0; day < value.size(); ++day) {
    if (!value.at(day).empty()) object[kDays.at(day)] = day_json(value.at(day));
  }
  return object.dump();
}

void read_value(const json& value, const std::string& path, Problems& problems,
                DatedHours& target) {
  if (!value.is_object() || value.size() > kMaxDates) {
    return problems.add(path, "is no object of at most " + std::to_string(kMaxDates) +
                                  R"( dates; write {"2026-12-24": [["09:00", "12:00"]]})");
  }
  // Of breaks only the union counts; hours that overlap are a slip of the pen.
  const bool sorted = !path.ends_with("breaks");
  DatedHours hours;
  for (const auto& [date, intervals] : value.items()) {
    const auto day = read_date(date, path, problems);
    if (day) hours[*day] = read_day(intervals, path + "." + date, problems, sorted);
  }
  target = std::move(hours);
}

std::string write_value(const DatedHours& value) {
  Json object = Json::object();
  for (const auto& [day, hours] : value) object[day_text(day)] = day_json(hours);
  return object.dump();
}

void read_value(const json& value, const std::string& path, Problems& problems,
                std::set<LocalDay>& target) {
  if (!value.is_array() || value.size() > kMaxDates) {
    return problems.add(path, "is no list of at most " + std::to_string(kMaxDates) +
                                  R"( dates; write ["2026-12-25"])");
  }
  std::set<LocalDay> days;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const std::string place = path + "[" + std::to_string(i) + "]";
    const std::string text = value[i].is_string() ? value[i].get<std::string>() : value[i].dump();
    if (const auto day = read_date(text, place, problems)) days.insert(*day);
  }
  target = std::move(days);
}

std::string write_value(const std::set<LocalDay>& value) {
  Json list = Json::array();
  for (const LocalDay day : value) list.push_back(day_text(day));
  return list.dump();
}

}  // namespace deskwire::config
