#include "cli/delivery_handler.h"

#include <string>
#include <utility>

#include "webhooks/replayed_delivery.h"

namespace deskwire::cli {
namespace {

/// What a repeat may cure: the store was away or full, not the delivery wrong.
bool is_passing(ErrorCode code) {
  return code == ErrorCode::kUnavailable || code == ErrorCode::kTimeout || code == ErrorCode::kFull;
}

}  // namespace

DeliveryHandler::DeliveryHandler(const config::Config& config, jobs::JobStore& store,
                                 const Clock& clock)
    : sources_(config.sources),
      max_attempts_(config.jobs.max_attempts),
      store_(store),
      clock_(clock) {}

worker::AttemptResult DeliveryHandler::run(const jobs::Lease& lease,
                                           worker::Cancellation& /*cancellation*/) {
  worker::AttemptResult result;
  auto taken = webhooks::take_in_again(lease.payload, sources_, store_, clock_, max_attempts_);
  if (taken) {
    result.completed.emplace();
    result.completed->id = lease.id;
    result.completed->token = lease.token;
    result.completed->outcome = taken->duplicate ? "skipped:duplicate" : "taken_in";
    return result;
  }
  const ErrorCode code = taken.error().code;
  result.failed.emplace();
  result.failed->lease = lease;
  result.failed->failure =
      is_passing(code) ? jobs::FailureClass::kRetryable : jobs::FailureClass::kPermanent;
  result.failed->error_code =
      code == ErrorCode::kCorrupt ? "unparsable" : std::string(name_of(code));
  result.failed->error_message = std::move(taken.error().message);
  return result;
}

}  // namespace deskwire::cli
