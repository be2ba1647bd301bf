#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "config/problems.h"
#include "config/sla.h"

/// Values with a form of their own, for JsonReader::value and JsonWriter::value. Reading leaves the
/// target alone where something is wrong; every mistake goes to Problems. Writing answers JSON.
namespace deskwire::config {

using WeekHours = std::array<DayHours, 7>;
using DatedHours = std::map<LocalDay, DayHours>;

/// {"mon": [["09:00", "17:00"]], …}: sorted, without overlaps.
void read_value(const nlohmann::json& json, const std::string& path, Problems& problems,
                WeekHours& target);
std::string write_value(const WeekHours& value);

/// {"2026-12-24": [["09:00", "12:00"]], …}. Breaks may overlap, hours may not.
void read_value(const nlohmann::json& json, const std::string& path, Problems& problems,
                DatedHours& target);
std::string write_value(const DatedHours& value);

/// ["2026-12-25", …]
void read_value(const nlohmann::json& json, const std::string& path, Problems& problems,
                std::set<LocalDay>& target);
std::string write_value(const std::set<LocalDay>& value);

/// {"urgent": 900, "default": 14400}: at least 15 s, or 0 for "not tracked".
void read_value(const nlohmann::json& json, const std::string& path, Problems& problems,
                std::map<std::string, std::int64_t>& target);
std::string write_value(const std::map<std::string, std::int64_t>& value);

/// {"urgent": "calendar", "default": "business"}, or one of the words for all.
void read_value(const nlohmann::json& json, const std::string& path, Problems& problems,
                std::map<std::string, SlaHours>& target);
std::string write_value(const std::map<std::string, SlaHours>& value);

/// [{"percent": 75}, {"before_s": 300}]
void read_value(const nlohmann::json& json, const std::string& path, Problems& problems,
                std::vector<SlaWarning>& target);
std::string write_value(const std::vector<SlaWarning>& value);

/// The values of a condition: one string, number or boolean, or a list of them.
void read_value(const nlohmann::json& json, const std::string& path, Problems& problems,
                std::vector<std::string>& target);
std::string write_value(const std::vector<std::string>& value);

/// "2026-12-24" as a day; nullopt: no such day.
std::optional<LocalDay> parse_day(std::string_view text);
std::string day_text(LocalDay day);

}  // namespace deskwire::config
