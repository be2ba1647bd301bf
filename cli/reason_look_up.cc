#include "cli/reason_look_up.h"

#include <optional>
#include <utility>

#include "cli/job_selection.h"
#include "cli/table.h"

namespace deskwire::cli {
namespace {

Result<LookedUpReason> reason_of_key(jobs::JobStore& store, jobs::OperatorStore& operators,
                                     const std::string& key) {
  const auto lane = operators.look(key, {});
  if (!lane) return fail(lane.error());
  std::optional<jobs::Job> last;
  if (lane->length == 0) {
    auto found = operators.last_finished(key);
    if (!found) return fail(found.error());
    last = std::move(*found);
    const auto state = store.conversation(key);
    if (!state) return fail(state.error());
    const bool halted = lane->parked || lane->conversation;
    if (!last && !halted && state->source.empty()) {
      return fail(ErrorCode::kNotFound,
                  "why " + printable(key) +
                      ": no job and no conversation of this name is known; conversations of a "
                      "source with a namespace are written namespace~id");
    }
  }
  return LookedUpReason{{}, key, reason_of_conversation(*lane, last)};
}

}  // namespace

Result<LookedUpReason> look_up_reason(jobs::JobStore& store, jobs::OperatorStore& operators,
                                      const std::string& of) {
  const auto job = store.get(JobId(of));
  if (job) {
    const auto lane = operators.look(job->lane, job->id);
    if (!lane) return fail(lane.error());
    return LookedUpReason{job->id, job->lane, reason_of_job(*job, *lane)};
  }
  if (job.error().code != ErrorCode::kNotFound) return fail(job.error());
  if (shard_of_job(JobId(of))) {
    return fail(ErrorCode::kNotFound, "why " + of +
                                          ": no such job; finished ones are kept for as long as "
                                          "config jobs.retention says");
  }
  return reason_of_key(store, operators, conversation_of_argument(of));
}

}  // namespace deskwire::cli
