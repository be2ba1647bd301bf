#pragma once

#include <optional>
#include <string>

#include "jobs/job_store.h"
#include "worker/responder.h"

namespace deskwire::worker {

/// How one attempt ended: one of the two is set, or neither: the lease is to be given back
/// unpunished, because more messages joined the job.
struct AttemptResult {
  std::optional<jobs::CompletedJob> completed;
  std::optional<jobs::FailRequest> failed;  ///< `delay` is filled by the pool when it is 0.
};

/// Runs the jobs of one kind. Thread safety: run may be called concurrently for different leases.
class JobHandler {
 public:
  virtual ~JobHandler() = default;
  virtual AttemptResult run(const jobs::Lease& lease, Cancellation& cancellation) = 0;
};

}  // namespace deskwire::worker
