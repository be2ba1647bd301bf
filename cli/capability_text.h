#pragma once

#include <string>
#include <vector>

#include "core/result.h"
#include "publishers/token.h"

namespace deskwire::cli {

/// Capabilities as written on a command line: `conversation:42=subscribe,publish`, or only a
/// channel pattern for everything a client may do there (subscribe, publish, presence, history).
/// @errors kInvalid naming the piece that is wrong.
Result<publishers::Capability> parse_capability(const std::vector<std::string>& texts);

}  // namespace deskwire::cli
