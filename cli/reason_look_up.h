#pragma once

#include <string>

#include "cli/job_reason.h"
#include "core/result.h"
#include "jobs/job_store.h"
#include "jobs/operator_store.h"

namespace deskwire::cli {

/// Why something is where it is, with what it is about.
struct LookedUpReason {
  JobId job;  ///< Empty: a conversation was asked for.
  std::string conversation;
  JobReason reason;
};

/// @param of  A job's id, or a conversation's key (or the name of its channel).
/// @errors kNotFound: nothing of this name is known; those of the stores.
Result<LookedUpReason> look_up_reason(jobs::JobStore& store, jobs::OperatorStore& operators,
                                      const std::string& of);

}  // namespace deskwire::cli
