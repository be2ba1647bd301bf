#pragma once

#include <string>

#include "cli/config_choice.h"
#include "cli/server.h"
#include "config/config.h"

namespace deskwire::cli {

/// What `serve` prints for people when its doors are open: the addresses, and the next three
/// commands to try.
///
/// @param program  As the person called it, so that the commands can be copied.
std::string greeting(const config::Config& config, const Server& server, const ConfigChoice& choice,
                     const std::string& program);

}  // namespace deskwire::cli
