#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "jobs/operator_store.h"

namespace deskwire::cli {

/// "everything", "jobs of kind reply", "conversation 42".
std::string name_of(const jobs::HaltTarget& target);

/// "paused since 14:02:11Z (5 min ago) by ann: the model is down"; "parked …".
std::string halt_text(const jobs::Halt& halt, std::int64_t now_ms);

/// The command that ends it.
std::string resume_command(const jobs::HaltTarget& target);

nlohmann::json to_json(const std::vector<jobs::Halt>& halts);

}  // namespace deskwire::cli
