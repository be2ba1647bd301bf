#include "worker/handlers/reply_parts.h"

#include <algorithm>
#include <utility>

#include "worker/handlers/failures.h"

namespace deskwire::worker {

Result<jobs::ReplyPayload> whole_payload(const jobs::Lease& lease) {
  std::vector<jobs::ReplyPayload> burst;
  auto first = jobs::decode_reply(lease.payload);
  if (!first) return first;
  burst.push_back(std::move(*first));
  for (const std::string& text : lease.more_payloads) {
    auto more = jobs::decode_reply(text);
    if (!more) return more;
    burst.push_back(std::move(*more));
  }
  return jobs::joined(std::move(burst));
}

std::int64_t queued_ms(const jobs::Lease& lease, const jobs::ReplyPayload& payload) {
  const std::int64_t accepted =
      payload.accepted_at_ms > 0 ? payload.accepted_at_ms : lease.created_at_ms;
  return std::max<std::int64_t>(0, lease.leased_at_ms - accepted);
}

AttemptResult reply_held_back(const jobs::Lease& lease, const std::string& source,
                              Milliseconds delay) {
  return failed(lease, jobs::FailureClass::kDeferred, "circuit_open",
                "reply source=" + source + ": the helpdesk is not well; held back", delay);
}

void tell_breaker(CircuitBreaker& breaker, ErrorCode code) {
  if (is_outage(code)) {
    breaker.failed();
  } else if (code != ErrorCode::kCancelled) {
    breaker.succeeded();  // It answers, if not what we hoped for.
  }
}

AttemptResult hand_over_failed(const jobs::Lease& lease, const HandOver::Failure& failure,
                               CircuitBreaker& breaker) {
  if (!failure.from_helpdesk) return store_failed(lease, failure.error);
  tell_breaker(breaker, failure.error.code);
  return helpdesk_failed(lease, failure.error, "");
}

std::string why_no_answer(const AttemptResult& result) {
  if (result.failed) return result.failed->error_code;
  if (!result.completed) return "superseded";
  const std::string& outcome = result.completed->outcome;
  return outcome.substr(outcome.find(':') + 1);
}

void remark_on(const Answer& answer, StepTimes& times) {
  times.remark("by " + answer.responder);
  if (answer.first_token.count() > 0) {
    times.remark("first token after " + std::to_string(answer.first_token.count()) + " ms");
  }
  if (answer.tokens > 0) times.remark(std::to_string(answer.tokens) + " tokens");
}

AttemptResult responder_gave_up(const jobs::Lease& lease, const Error& error, int after_failures) {
  AttemptResult result = responder_failed(lease, error);
  const bool again = result.failed && result.failed->failure == jobs::FailureClass::kRetryable &&
                     error.code != ErrorCode::kCancelled;
  if (again && lease.attempt >= after_failures) {
    result.failed->failure = jobs::FailureClass::kPermanent;
  }
  return result;
}

std::vector<std::string> offered_suggestions(const std::vector<std::string>& of_answer,
                                             const config::Replies& replies,
                                             const std::string& persona) {
  if (!of_answer.empty()) return of_answer;
  const auto found = replies.personas.find(persona);
  return found == replies.personas.end() ? std::vector<std::string>() : found->second.suggestions;
}

DraftView draft_view(const jobs::Lease& lease, const std::string& message_id, const Writer& writer,
                     const config::Replies& replies, bool liquid) {
  return {.lane = lease.lane,
          .message_id = message_id,
          .attempt = lease.id.str() + "-" + std::to_string(lease.token),
          .to_customer = replies.stream_to_customer && !writer.shadow,
          .mask = replies.guards.mask,
          .liquid = liquid,
          .max_characters = static_cast<std::size_t>(replies.guards.max_characters)};
}

}  // namespace deskwire::worker
