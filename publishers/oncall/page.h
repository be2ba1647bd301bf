#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "config/sla.h"
#include "publishers/sinks/alert_sink.h"

namespace deskwire::publishers {

/// What people are told, made at the moment of sending from the newest state of each alert. Pure.
///
/// @param states  Of OnCallDesk, at least one; several become one page with a count and a list.
/// @param step    The rung of the ladder that was reached, for "who is next".
Alert make_page(const std::vector<nlohmann::json>& states, Alert::Action action,
                const std::vector<config::SlaStep>& ladder, std::size_t step,
                const config::Sla& sla, std::int64_t now_ms);

/// Milliseconds of a field that holds Unix ms or ISO 8601; 0: neither.
std::int64_t moment_at(const nlohmann::json& data, std::string_view key);

}  // namespace deskwire::publishers
