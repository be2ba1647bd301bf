#pragma once

#include <vector>

#include "cli/checkup.h"
#include "config/config.h"

namespace deskwire::cli {

/// Deliveries that wait on disk in data_dir/spool, and those that could not be taken in.
void check_spool(const config::Config& config, std::vector<Finding>& findings);

}  // namespace deskwire::cli
