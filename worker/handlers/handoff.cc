#include "worker/handlers/handoff.h"

#include <utility>

#include "jobs/reply_payload.h"
#include "worker/guards/rollout.h"
#include "worker/handlers/failures.h"
#include "worker/handlers/reply_guards.h"
#include "worker/handlers/reply_parts.h"

namespace deskwire::worker {

using jobs::FailureClass;

std::string HandoffHandler::reason_of(const jobs::Lease& lease) {
  const auto job = store_.get(lease.id);
  if (!job || job->parent.empty()) return "reply_failed";
  const auto reply = store_.get(job->parent);
  return reply && !reply->error_code.empty() ? reply->error_code : "reply_failed";
}

AttemptResult HandoffHandler::run(const jobs::Lease& lease, Cancellation& cancellation) {
  const auto payload = jobs::decode_reply(lease.payload);
  if (!payload) {
    return failed(lease, FailureClass::kPermanent, "unparsable", payload.error().message);
  }
  Helpdesk* const helpdesk = helpdesks_.find(payload->source);
  if (helpdesk == nullptr) {
    return failed(lease, FailureClass::kPermanent, "unknown_source",
                  "handoff source=" + payload->source +
                      ": not in the config (any more); put it back to retry");
  }
  const auto state = store_.conversation(lease.lane);
  if (!state) return store_failed(lease, state.error());
  if (state->status == "resolved") return finished(lease, "skipped:closed");
  if (state->last_sender == "user" &&
      is_newer_message(state->last_message_id, payload->message_id)) {
    return finished(lease, "skipped:answered_by_human");
  }
  // An earlier run of this very job may have left the mark, and died before the note.
  const bool ran_before = lease.attempt > 1 || lease.crashes > 0;
  if (!state->handed_off.empty() && !ran_before) return finished(lease, "skipped:handed_off");
  const Rollout rollout =
      rollout_of(replies_, payload->source, payload->inbox_id, payload->conversation);
  if (rollout == Rollout::kShadow) return finished(lease, "skipped:shadow");
  if (const auto hold = helpdesk->breaker.admit()) {
    return failed(lease, FailureClass::kDeferred, "circuit_open",
                  "handoff source=" + payload->source + ": the helpdesk is not well; held back",
                  *hold);
  }
  if (cancellation.cancelled() || clock_.monotonic() >= lease.local_deadline) {
    return failed(lease, FailureClass::kDeferred, "cancelled", "handoff: the lease is running out");
  }
  const auto handed = hand_over_.run({.lease = lease,
                                      .payload = *payload,
                                      .helpdesk = *helpdesk,
                                      .reason = reason_of(lease),
                                      .turns = {}});
  if (!handed) return hand_over_failed(lease, handed.error(), helpdesk->breaker);
  helpdesk->breaker.succeeded();
  return finished(lease, "handed_off");
}

}  // namespace deskwire::worker
