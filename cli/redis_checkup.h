#pragma once

#include <vector>

#include "cli/checkup.h"
#include "config/config.h"

namespace deskwire::cli {

/// The part of check_up() that looks at Redis: server, durability, replicas, sentinels, the data's
/// version, clocks.
void check_redis(const config::Config& config, std::vector<Finding>& findings);

}  // namespace deskwire::cli
