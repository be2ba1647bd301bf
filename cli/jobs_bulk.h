#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/job_access.h"
#include "cli/job_selection.h"

namespace deskwire::cli {

enum class BulkVerb : std::uint8_t { kRetry, kReplay };

struct BulkOptions {
  BulkVerb verb = BulkVerb::kRetry;
  std::vector<std::string> ids;
  FilterOptions filter;
  bool dry_run = false;
  bool json = false;
  bool again = false;
  std::string reason;
};

/// Retries or replays one job after the other; one that fails does not stop the rest.
/// @return kDone when every one was done; kNotDone when one was not, or none was found.
int run_bulk(JobAccess& access, const BulkOptions& options);

}  // namespace deskwire::cli
