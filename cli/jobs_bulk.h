#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/job_access.h"
#include "cli/job_selection.h"
#include "config/config.h"
#include "jobs/operator_store.h"

namespace deskwire::cli {

enum class BulkVerb : std::uint8_t { kRetry, kReplay, kDrop };

struct BulkOptions {
  BulkVerb verb = BulkVerb::kRetry;
  std::vector<std::string> ids;
  FilterOptions filter;
  jobs::Operator by;
  std::size_t rate = 100;  ///< Jobs a second; 0: no limit.
  bool dry_run = false;
  bool json = false;
  bool again = false;     ///< replay: what was posted may be posted anew.
  std::string batch;      ///< replay: go on with this one.
  std::string cancel;     ///< replay: cancel this one.
  std::string arguments;  ///< That find the same Redis again, for commands that are suggested.
};

/// Retries or drops one job after the other; one that fails does not stop the rest.
/// @return kDone when every one was done; kNotDone when one was not, or none was found.
int run_bulk(JobAccess& access, const BulkOptions& options);

/// Replays jobs, several as a batch that can be gone on with or cancelled. Of what filters find,
/// jobs that were replayed before are left out, all but the newest reply of a conversation, and
/// hand-offs of conversations that are answered.
/// @return As above; kNotDone also when somebody cancelled the batch.
int run_replay(JobAccess& access, const config::Config& config, const BulkOptions& options);

}  // namespace deskwire::cli
