#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "config/schedule_file.h"
#include "core/timestamp.h"
#include "places.h"
#include "worker/sla/calendar.h"

namespace deskwire::test {

/// tests/fixtures/sla/business_hours_cases.json.
inline nlohmann::json sla_cases() {
  std::ifstream file(std::string(DESKWIRE_FIXTURES) + "/sla/business_hours_cases.json");
  return nlohmann::json::parse(file).at("cases");
}

inline std::int64_t at(const nlohmann::json& text) {
  return parse_iso8601_ms(text.get<std::string>()).value();
}

inline std::vector<worker::Pause> pauses_of(const nlohmann::json& one) {
  std::vector<worker::Pause> pauses;
  for (const auto& pause : one.value("pauses", nlohmann::json::array())) {
    pauses.push_back(
        {at(pause[0]), pause[1].is_null() ? std::nullopt : std::optional(at(pause[1]))});
  }
  return pauses;
}

}  // namespace deskwire::test
