#pragma once

#include <string>
#include <string_view>

#include "core/result.h"
#include "jobs/job_store.h"
#include "worker/job_handler.h"

namespace deskwire::worker {

/// An attempt's failure from its parts.
AttemptResult failed(const jobs::Lease& lease, jobs::FailureClass failure, std::string code,
                     std::string message, Milliseconds delay = Milliseconds{0});

/// A skip or success without an effect.
AttemptResult finished(const jobs::Lease& lease, std::string outcome);

/// The JobStore could not be asked. Its outages consume no attempt.
AttemptResult store_failed(const jobs::Lease& lease, const Error& error);

/// The responder did not answer.
AttemptResult responder_failed(const jobs::Lease& lease, const Error& error);

/// What is known about the effect of a helpdesk call that returned an error.
enum class EffectKnowledge : std::uint8_t { kNotDone, kMaybeDone };
EffectKnowledge effect_after(ErrorCode code);

/// The helpdesk refused or lost a post or another change (see HelpdeskClient).
///
/// @param effect  Effect key, voided when the call surely had no effect; empty: none.
AttemptResult helpdesk_failed(const jobs::Lease& lease, const Error& error,
                              const std::string& effect);

/// True for errors that say that the helpdesk as a whole is not well, for the circuit breaker.
bool is_outage(ErrorCode code);

}  // namespace deskwire::worker
