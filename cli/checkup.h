#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/config.h"

namespace deskwire::cli {

/// One line of `doctor`.
struct Finding {
  enum class Level : std::uint8_t { kOk, kWarn, kFail };
  Level level = Level::kOk;
  std::string check;  ///< "redis"
  std::string found;  ///< What is.
  std::string next;   ///< What to do; empty when nothing.
};

/// Looks at everything that a `serve` with these settings needs: data_dir, Redis, clocks, doors,
/// helpdesk tokens. Changes nothing. Takes a few seconds when something does not answer.
std::vector<Finding> check_up(const config::Config& config);

}  // namespace deskwire::cli
