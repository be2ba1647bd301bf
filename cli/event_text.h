#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace deskwire::cli {

/// A pushed event as one line for people: time, channel, event, and what it says.
std::string event_line(const nlohmann::json& push);

}  // namespace deskwire::cli
