#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "jobs/job.h"
#include "jobs/operator_store.h"

namespace deskwire::cli {

/// Why a job or a conversation is where it is.
struct JobReason {
  /// For programs: idle, ready, running, waiting, scheduled, paused, parked, behind, completed,
  /// dead, cancelled, lost.
  std::string state;
  /// For people: one sentence, with what to do where something can be done.
  std::string why;
};

/// What keeps a conversation's next job, or that there is none. Pure.
///
/// @param last  The conversation's job that finished last, where one is kept; for an empty lane.
JobReason reason_of_conversation(const jobs::LaneView& lane, const std::optional<jobs::Job>& last);

/// The same of one job; `lane` is a look at its lane that asked for this job. Pure.
JobReason reason_of_job(const jobs::Job& job, const jobs::LaneView& lane);

/// "rate_limited (the helpdesk asked us to slow down)".
std::string explained_error(std::string_view code);

}  // namespace deskwire::cli
