#include "worker/handlers/send.h"

#include <optional>
#include <string>
#include <utility>

#include "jobs/effects.h"
#include "jobs/helpdesk_event.h"
#include "jobs/send_payload.h"
#include "worker/handlers/failures.h"
#include "worker/handlers/reply_events.h"

namespace deskwire::worker {
namespace {

using jobs::FailureClass;
using Ended = std::optional<AttemptResult>;

/// One run of one lease. Each step returns the attempt's end, or nullopt to go on.
class SendAttempt {
 public:
  SendAttempt(jobs::JobStore& store, HelpdeskDirectory& helpdesks, const Clock& clock,
              const SendHandler::Settings& settings, const jobs::Lease& lease,
              Cancellation& cancellation)
      : store_(store),
        helpdesks_(helpdesks),
        clock_(clock),
        settings_(settings),
        lease_(lease),
        cancellation_(cancellation),
        effect_(jobs::effect_key(lease.root.str())),
        our_id_(jobs::our_message_id(lease.root.str(), 1)) {}

  AttemptResult run() {
    if (auto ended = load()) return std::move(*ended);
    if (auto ended = intend()) return std::move(*ended);
    return post();
  }

 private:
  /// The message is the customer's or an agent's: only where it is seen matters.
  Writer writer() const { return {lease_.lane, "", false}; }
  AttemptResult permanent(std::string code, std::string message) const {
    return failed(lease_, FailureClass::kPermanent, std::move(code), std::move(message));
  }
  AttemptResult wait_for_echo() const {
    return failed(lease_, FailureClass::kDeferred, "awaiting_echo",
                  "send: an earlier post may still be on its way", settings_.settle_poll);
  }
  AttemptResult sent(const std::string& remote_id) const {
    AttemptResult result = finished(lease_, "sent");
    result.completed->effect = effect_;
    result.completed->remote_id = remote_id;
    result.completed->our_message_id = our_id_;
    result.completed->events = {message_sent(lease_, writer(), remote_id, clock_.wall_ms())};
    return result;
  }

  Ended load() {
    auto payload = jobs::decode_send(lease_.payload);
    if (!payload) return permanent("unparsable", payload.error().message);
    payload_ = std::move(*payload);
    helpdesk_ = helpdesks_.find(payload_.source);
    if (helpdesk_ == nullptr) {
      return permanent("unknown_source",
                       "send source=" + payload_.source +
                           ": not in the config (any more); put it back to retry");
    }
    conversation_ = {payload_.account_id, payload_.conversation_id, lease_.lane};
    if (const auto hold = helpdesk_->breaker.admit()) {
      return failed(lease_, FailureClass::kDeferred, "circuit_open",
                    "send source=" + payload_.source + ": the helpdesk is not well; held back",
                    *hold);
    }
    return std::nullopt;
  }

  /// Records the intent and finds out what earlier attempts did. Afterwards a post may follow.
  Ended intend() {
    const auto intent =
        store_.intend(lease_, effect_, {}, {}, message_unfinished(lease_, writer()));
    if (!intent) return store_failed(lease_, intent.error());
    switch (intent->answer) {
      case jobs::IntentAnswer::kDone:
        return sent(intent->remote_id);
      case jobs::IntentAnswer::kVerify:
        return verify(*intent);
      case jobs::IntentAnswer::kSuperseded:
        return AttemptResult{};
      case jobs::IntentAnswer::kGo:
        break;
    }
    return std::nullopt;
  }

  Ended verify(const jobs::Intent& intent) {
    const bool young = intent.intended_at_ms > 0 &&
                       clock_.wall_ms() - intent.intended_at_ms < settings_.settle.count();
    const auto found = helpdesk_->client->find_message(conversation_, our_id_, {});
    if (found && *found) return sent(**found);
    if (young) return wait_for_echo();
    if (found) return std::nullopt;
    switch (found.error().code) {
      case ErrorCode::kUnsupported:
      case ErrorCode::kUnauthorized:
      case ErrorCode::kDenied:
      case ErrorCode::kUnknownOutcome:
        break;  // It cannot be read now and probably never.
      default:
        return helpdesk_failed(lease_, found.error(), "");
    }
    // The writer is told and may write again; posting blindly could say it twice.
    return permanent("unknown_outcome",
                     "send: an earlier post may have arrived and cannot be looked up (" +
                         found.error().message + ")");
  }

  AttemptResult post() {
    if (cancellation_.cancelled() || clock_.monotonic() >= lease_.local_deadline) {
      return failed(lease_, FailureClass::kDeferred, "cancelled", "send: the lease is running out");
    }
    const auto posted = helpdesk_->client->create_message(
        {.conversation = conversation_,
         .content = payload_.content,
         .source_id = our_id_,
         .in_reply_to = {},
         .attempt = lease_.attempt,
         .simulate = {},
         .author = payload_.from_agent ? MessageAuthor::kAgent : MessageAuthor::kContact});
    if (posted) {
      helpdesk_->breaker.succeeded();
      return sent(*posted);
    }
    if (is_outage(posted.error().code)) {
      helpdesk_->breaker.failed();
    } else if (posted.error().code != ErrorCode::kCancelled) {
      helpdesk_->breaker.succeeded();
    }
    return helpdesk_failed(lease_, posted.error(), effect_);
  }

  jobs::JobStore& store_;
  HelpdeskDirectory& helpdesks_;
  const Clock& clock_;
  const SendHandler::Settings& settings_;
  const jobs::Lease& lease_;
  Cancellation& cancellation_;
  const std::string effect_;
  const std::string our_id_;
  jobs::SendPayload payload_;
  Helpdesk* helpdesk_ = nullptr;
  ConversationRef conversation_;
};

}  // namespace

AttemptResult SendHandler::run(const jobs::Lease& lease, Cancellation& cancellation) {
  return SendAttempt(store_, helpdesks_, clock_, settings_, lease, cancellation).run();
}

}  // namespace deskwire::worker
