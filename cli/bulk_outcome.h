#pragma once

#include <nlohmann/json_fwd.hpp>
#include <utility>
#include <vector>

#include "core/ids.h"
#include "core/result.h"

namespace deskwire::cli {

/// What a bulk command did.
struct BulkOutcome {
  std::vector<std::pair<JobId, JobId>> done;  ///< The job, and the one that was made of it.
  std::vector<std::pair<JobId, Error>> failed;
  bool unreachable = false;  ///< Going on would only repeat the error for every job.

  void add(const JobId& id, const Result<JobId>& made);
  /// kDone, kNotDone, kUnreachable.
  int exit_code() const;
};

/// {"done":[{"id","job"}],"failed":[{"id","code","message"}]}.
nlohmann::json to_json(const BulkOutcome& outcome);

/// The reasons of those that failed, on standard error; the first few of very many.
void print_failures(const BulkOutcome& outcome);

}  // namespace deskwire::cli
