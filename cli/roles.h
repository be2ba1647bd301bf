#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace deskwire::cli {

/// What one process does; all state is in Redis, so every role may run any number of times.
struct Roles {
  bool receiver = true;  ///< Takes webhooks.
  bool worker = true;    ///< Runs jobs.
  bool gateway = true;   ///< Serves clients.
  bool sla = true;       ///< Watches the queue's waiting time.

  std::vector<std::string> names() const;
};

/// @param text  Comma-separated names; empty: all.
/// @errors kInvalid naming the known ones.
Result<Roles> parse_roles(std::string_view text);

}  // namespace deskwire::cli
