#include "worker/handlers/failures.h"

#include <utility>

namespace deskwire::worker {
namespace {

using jobs::FailureClass;

// Where the peer names no delay of its own.
constexpr Milliseconds kRateLimitDelay{5000};
constexpr Milliseconds kStoreDelay{1000};

std::string code_name(ErrorCode code) { return std::string(name_of(code)); }

}  // namespace

AttemptResult failed(const jobs::Lease& lease, FailureClass failure, std::string code,
                     std::string message, Milliseconds delay) {
  jobs::FailRequest request;
  request.lease = lease;
  request.failure = failure;
  request.error_code = std::move(code);
  request.error_message = std::move(message);
  request.delay = delay;
  return {std::nullopt, std::move(request)};
}

AttemptResult finished(const jobs::Lease& lease, std::string outcome) {
  jobs::CompletedJob completed;
  completed.id = lease.id;
  completed.token = lease.token;
  completed.messages = lease.messages();
  completed.outcome = std::move(outcome);
  return {std::move(completed), std::nullopt};
}

AttemptResult store_failed(const jobs::Lease& lease, const Error& error) {
  const bool outage = error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kTimeout ||
                      error.code == ErrorCode::kFull;
  return failed(lease, outage ? FailureClass::kDeferred : FailureClass::kRetryable,
                code_name(error.code), error.message, outage ? kStoreDelay : Milliseconds{0});
}

AttemptResult responder_failed(const jobs::Lease& lease, const Error& error) {
  if (error.code == ErrorCode::kRateLimited) {
    return failed(lease, FailureClass::kDeferred, code_name(error.code), error.message,
                  error.retry_after.value_or(kRateLimitDelay));
  }
  const bool permanent = error.code == ErrorCode::kInvalid ||
                         error.code == ErrorCode::kUnauthorized ||
                         error.code == ErrorCode::kDenied || error.code == ErrorCode::kTooLarge ||
                         error.code == ErrorCode::kUnsupported;
  return failed(lease, permanent ? FailureClass::kPermanent : FailureClass::kRetryable,
                code_name(error.code), error.message);
}

EffectKnowledge effect_after(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid:
    case ErrorCode::kUnsupported:
    case ErrorCode::kUnauthorized:
    case ErrorCode::kDenied:
    case ErrorCode::kNotFound:
    case ErrorCode::kConflict:
    case ErrorCode::kTooLarge:
    case ErrorCode::kRateLimited:
    case ErrorCode::kUnavailable:
      return EffectKnowledge::kNotDone;
    case ErrorCode::kTimeout:
    case ErrorCode::kFull:
    case ErrorCode::kStale:
    case ErrorCode::kUnknownOutcome:
    case ErrorCode::kCancelled:
    case ErrorCode::kCorrupt:
    case ErrorCode::kInternal:
      break;
  }
  return EffectKnowledge::kMaybeDone;
}

AttemptResult helpdesk_failed(const jobs::Lease& lease, const Error& error,
                              const std::string& effect) {
  AttemptResult result;
  const bool not_done = effect_after(error.code) == EffectKnowledge::kNotDone;
  if (error.code == ErrorCode::kRateLimited) {
    result = failed(lease, FailureClass::kDeferred, code_name(error.code), error.message,
                    error.retry_after.value_or(kRateLimitDelay));
  } else if (not_done && error.code != ErrorCode::kUnavailable) {
    result = failed(lease, FailureClass::kPermanent, code_name(error.code), error.message);
  } else {
    result = failed(lease, FailureClass::kRetryable, code_name(error.code), error.message);
  }
  if (not_done) result.failed->void_effect = effect;
  return result;
}

bool is_outage(ErrorCode code) {
  return code == ErrorCode::kUnavailable || code == ErrorCode::kTimeout ||
         code == ErrorCode::kUnknownOutcome;
}

}  // namespace deskwire::worker
