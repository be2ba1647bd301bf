#pragma once

#include <string>

#include "config/config.h"

namespace deskwire::cli {

/// `deskwire watch oncall` on a terminal: a live table with countdowns, a bell for violations, keys
/// to acknowledge and snooze. Ends with q or Ctrl-C.
///
/// @param socket_url  Of the gateway: ws://host:port/v1/ws; REST is asked at the same place.
/// @return The exit code.
int watch_on_call(const config::Config& config, const std::string& socket_url);

}  // namespace deskwire::cli
