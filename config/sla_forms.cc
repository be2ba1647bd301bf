// How targets, hours, warnings and the values of conditions are written.
#include <nlohmann/json.hpp>

#include "config/value_forms.h"

namespace deskwire::config {
namespace {

using nlohmann::json;
using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxItems = 100;
constexpr std::size_t kMaxName = 64;
constexpr std::int64_t kShortestTargetS = 15;
constexpr std::int64_t kLongestTargetS = 366LL * 86400;

bool is_priority(const std::string& name, const std::string& path, Problems& problems) {
  if (!name.empty() && name.size() <= kMaxName) return true;
  problems.add(path, in_quotes(name) + " is no priority; write its name, or \"default\"");
  return false;
}

std::optional<SlaHours> hours_of(const json& value) {
  if (value == "business") return SlaHours::kBusiness;
  if (value == "calendar") return SlaHours::kCalendar;
  return std::nullopt;
}

}  // namespace

void read_value(const json& value, const std::string& path, Problems& problems,
                std::map<std::string, std::int64_t>& target) {
  if (!value.is_object() || value.size() > kMaxItems) {
    return problems.add(path, R"(is no object; write {"urgent": 900, "default": 14400})");
  }
  std::map<std::string, std::int64_t> targets;
  for (const auto& [priority, seconds] : value.items()) {
    if (!is_priority(priority, path, problems)) continue;
    const bool whole = seconds.is_number_integer() && seconds >= 0 && seconds <= kLongestTargetS;
    const std::int64_t given = whole ? seconds.get<std::int64_t>() : -1;
    if (given != 0 && given < kShortestTargetS) {
      problems.add(path + "." + priority, in_quotes(seconds.dump()) + " is out of range " +
                                              std::to_string(kShortestTargetS) + ".." +
                                              std::to_string(kLongestTargetS) +
                                              " s; 0 stands for not tracked");
      continue;
    }
    targets[priority] = given;
  }
  target = std::move(targets);
}

std::string write_value(const std::map<std::string, std::int64_t>& value) {
  return Json(value).dump();
}

void read_value(const json& value, const std::string& path, Problems& problems,
                std::map<std::string, SlaHours>& target) {
  if (const auto all = hours_of(value)) {
    target = {{"default", *all}};
    return;
  }
  if (!value.is_object() || value.size() > kMaxItems) {
    return problems.add(
        path, R"(is not "business", "calendar", or an object such as {"urgent": "calendar"})");
  }
  std::map<std::string, SlaHours> hours;
  for (const auto& [priority, word] : value.items()) {
    if (!is_priority(priority, path, problems)) continue;
    if (const auto one = hours_of(word)) {
      hours[priority] = *one;
    } else {
      problems.add(path + "." + priority,
                   in_quotes(word.is_string() ? word.get<std::string>() : word.dump()) +
                       " is not one of business, calendar");
    }
  }
  target = std::move(hours);
}

std::string write_value(const std::map<std::string, SlaHours>& value) {
  Json object = Json::object();
  for (const auto& [priority, hours] : value) {
    object[priority] = hours == SlaHours::kBusiness ? "business" : "calendar";
  }
  return object.dump();
}

void read_value(const json& value, const std::string& path, Problems& problems,
                std::vector<SlaWarning>& target) {
  if (!value.is_array() || value.size() > kMaxItems) {
    return problems.add(path, R"(is no list; write [{"percent": 75}, {"before_s": 300}])");
  }
  std::vector<SlaWarning> warnings;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const json& item = value[i];
    const bool one_number =
        item.is_object() && item.size() == 1 && item.begin()->is_number_integer();
    const std::string key = one_number ? item.begin().key() : "";
    const bool known = key == "percent" || key == "before_s";
    const std::int64_t most = key == "percent" ? 99 : kLongestTargetS;
    if (!known || *item.begin() < 1 || *item.begin() > most) {
      problems.add(path + "[" + std::to_string(i) + "]",
                   R"(is no warning; write {"percent": 1..99} or {"before_s": seconds})");
      continue;
    }
    const auto number = item.begin()->get<std::int64_t>();
    warnings.push_back(key == "percent" ? SlaWarning{static_cast<int>(number), 0}
                                        : SlaWarning{0, number});
  }
  target = std::move(warnings);
}

std::string write_value(const std::vector<SlaWarning>& value) {
  Json list = Json::array();
  for (const SlaWarning& warning : value) {
    list.push_back(warning.before_s > 0 ? Json{{"before_s", warning.before_s}}
                                        : Json{{"percent", warning.percent}});
  }
  return list.dump();
}

void read_value(const json& value, const std::string& path, Problems& problems,
                std::vector<std::string>& target) {
  const json list = value.is_array() ? value : json::array({value});
  std::vector<std::string> values;
  for (const json& item : list) {
    if (item.is_string()) {
      values.push_back(item.get<std::string>());
    } else if (item.is_number_integer() || item.is_boolean()) {
      values.push_back(item.dump());
    } else {
      return problems.add(path, "is neither a string, a whole number, true, false, nor a list");
    }
  }
  if (values.size() > kMaxItems) {
    return problems.add(path, "has more than " + std::to_string(kMaxItems) + " values");
  }
  target = std::move(values);
}

std::string write_value(const std::vector<std::string>& value) {
  return Json(value).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace deskwire::config
