#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "cli/table.h"

namespace deskwire::cli {

/// "acknowledged by ann 3 min ago", "snoozed by ann, wakes in 20 min", "" where nobody did.
std::string ack_text(const nlohmann::json& ack, std::int64_t now_ms);

/// "12:40 left", "3:05 over", "paused", "no due time"; days as "2d 03:10:00".
std::string countdown_text(const nlohmann::json& clock, std::int64_t now_ms);

/// Clocks as AlertDesk::list has them, a row each.
Table clock_table(const nlohmann::json& clocks, std::int64_t now_ms);

}  // namespace deskwire::cli
