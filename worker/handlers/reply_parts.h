#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/replies.h"
#include "jobs/job_store.h"
#include "jobs/reply_payload.h"
#include "worker/handlers/draft.h"
#include "worker/handlers/hand_over.h"
#include "worker/handlers/reply_events.h"
#include "worker/handlers/step_times.h"
#include "worker/helpdesks/circuit_breaker.h"
#include "worker/job_handler.h"
#include "worker/responder.h"

// Pieces of a reply attempt that need none of its state.
namespace deskwire::worker {

/// What the job's messages say together.
/// @errors kCorrupt: one of them is not ours.
Result<jobs::ReplyPayload> whole_payload(const jobs::Lease& lease);

/// First message accepted → lease of this attempt.
std::int64_t queued_ms(const jobs::Lease& lease, const jobs::ReplyPayload& payload);

/// The helpdesk's circuit is open.
AttemptResult reply_held_back(const jobs::Lease& lease, const std::string& source,
                              Milliseconds delay);

/// Giving the conversation to people did not work.
AttemptResult hand_over_failed(const jobs::Lease& lease, const HandOver::Failure& failure,
                               CircuitBreaker& breaker);

/// What an error of a post says about the helpdesk's health.
void tell_breaker(CircuitBreaker& breaker, ErrorCode code);

/// Why a draft was no answer, for people: "superseded", a reason to skip, an error code.
std::string why_no_answer(const AttemptResult& result);

/// What `jobs show` tells of an answer: who wrote it, first token, tokens.
void remark_on(const Answer& answer, StepTimes& times);

/// The responder did not answer: after `after_failures` attempts people do better than another one.
AttemptResult responder_gave_up(const jobs::Lease& lease, const Error& error, int after_failures);

/// Quick replies: those that came with the answer, else those of the persona.
std::vector<std::string> offered_suggestions(const std::vector<std::string>& of_answer,
                                             const config::Replies& replies,
                                             const std::string& persona);

/// How the attempt's draft is shown.
DraftView draft_view(const jobs::Lease& lease, const std::string& message_id, const Writer& writer,
                     const config::Replies& replies, bool liquid);

}  // namespace deskwire::worker
