#include "worker/handlers/reply.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "jobs/effects.h"
#include "jobs/helpdesk_event.h"
#include "jobs/reply_payload.h"
#include "jobs/store_rules.h"
#include "worker/handlers/failures.h"
#include "worker/handlers/reply_events.h"
#include "worker/handlers/reply_guards.h"

namespace deskwire::worker {
namespace {

using jobs::FailureClass;

// A quick responder leaves no time in which the conversation could have changed much; the guards
// are asked again before the post in any case.
constexpr Milliseconds kContextIsFresh{250};
constexpr int kIntentTries = 3;
constexpr std::int64_t kIntentPauseMs = 200;

/// Observes how long the enclosing block took.
class StepTimer {
 public:
  StepTimer(Metrics::Histogram& histogram, const Clock& clock)
      : histogram_(histogram), clock_(clock), begun_(clock.monotonic()) {}
  ~StepTimer() {
    histogram_.observe_seconds(std::chrono::duration<double>(clock_.monotonic() - begun_).count());
  }
  StepTimer(const StepTimer&) = delete;
  StepTimer& operator=(const StepTimer&) = delete;

 private:
  Metrics::Histogram& histogram_;
  const Clock& clock_;
  const MonotonicTime begun_;
};

/// One run of one lease. Each step returns the attempt's end, or nullopt to go on.
class ReplyAttempt {
 public:
  using Ended = std::optional<AttemptResult>;

  ReplyAttempt(const ReplyPorts& ports, const ReplySettings& settings,
               const ReplyHandler::Steps& steps, const jobs::Lease& lease,
               Cancellation& cancellation)
      : ports_(ports),
        settings_(settings),
        steps_(steps),
        lease_(lease),
        cancellation_(cancellation),
        deadline_(lease.local_deadline),
        context_(lease.conversation),
        context_at_(lease.local_deadline - jobs::usable_lease(settings.lease)),
        effect_(jobs::effect_key(lease.root.str())),
        our_id_(jobs::our_message_id(lease.root.str(), 1)) {}

  AttemptResult run() {
    if (auto ended = load()) return std::move(*ended);
    // What an earlier attempt began is looked up first: had it posted, a guard that ends the job
    // here would tell people that the message never arrived.
    reply_ = lease_.saved_reply;
    if (reply_.empty()) {
      if (auto ended = write_reply()) return std::move(*ended);
    }
    if (const auto hold = helpdesk_->breaker.admit()) return held_back(*hold);
    if (auto ended = intend()) return std::move(*ended);
    typing_.end();
    if (auto ended = check_guards()) return std::move(*ended);
    if (auto ended = renew_if_late()) return std::move(*ended);
    return post();
  }

 private:
  std::int64_t now_ms() const { return ports_.clock.wall_ms(); }

  AttemptResult permanent(std::string code, std::string message) const {
    return failed(lease_, FailureClass::kPermanent, std::move(code), std::move(message));
  }
  AttemptResult cancelled() const {
    return failed(lease_, FailureClass::kRetryable, "cancelled", "reply: cancelled");
  }
  AttemptResult held_back(Milliseconds delay) const {
    return failed(lease_, FailureClass::kDeferred, "circuit_open",
                  "reply source=" + payload_.source + ": the helpdesk is not well; held back",
                  delay);
  }

  Ended load() {
    std::vector<jobs::ReplyPayload> burst;
    const auto read = [&](const std::string& text) -> Status {
      auto payload = jobs::decode_reply(text);
      if (!payload) return fail(std::move(payload.error()));
      burst.push_back(std::move(*payload));
      return {};
    };
    Status whole = read(lease_.payload);
    for (const std::string& more : lease_.more_payloads) {
      if (whole) whole = read(more);
    }
    if (!whole) return permanent("unparsable", whole.error().message);
    payload_ = jobs::joined(std::move(burst));
    helpdesk_ = ports_.helpdesks.find(payload_.source);
    if (helpdesk_ == nullptr) {
      return permanent("unknown_source",
                       "reply source=" + payload_.source +
                           ": not in the config (any more); put it back to retry");
    }
    conversation_ = {payload_.account_id, payload_.conversation_id, lease_.lane};
    if (const auto hold = helpdesk_->breaker.held()) return held_back(*hold);
    return std::nullopt;
  }

  Ended check_guards() {
    const StepTimer timer(steps_.context, ports_.clock);
    if (auto ended = read_context()) return ended;
    GuardFacts facts{.state = *context_, .now_ms = now_ms()};
    auto reason = reason_to_skip(payload_, facts, helpdesk_->source, settings_.replies);
    if (reason == "answered_by_human" && facts.state.last_sender == "bot") {
      const auto ours = ports_.store.mapped_message(lease_.lane, facts.state.last_message_id);
      if (!ours) return store_failed(lease_, ours.error());
      facts.last_message_is_ours = !ours->empty();
      reason = reason_to_skip(payload_, facts, helpdesk_->source, settings_.replies);
    }
    if (reason == "stale") {
      const auto job = ports_.store.get(lease_.id);
      if (!job) return store_failed(lease_, job.error());
      facts.replayed = !job->parent.empty();
      reason = reason_to_skip(payload_, facts, helpdesk_->source, settings_.replies);
    }
    if (reason) return finished(lease_, "skipped:" + *reason);
    if (contact_name_.empty()) {
      contact_name_ =
          payload_.contact_name.empty() ? facts.state.contact_name : payload_.contact_name;
    }
    return std::nullopt;
  }

  /// What came with the lease or the intent, as long as it is fresh; else it is asked for.
  Ended read_context() {
    if (context_ && context_is_fresh()) return std::nullopt;
    auto state = ports_.store.conversation(lease_.lane);
    if (!state) return store_failed(lease_, state.error());
    context_ = std::move(*state);
    context_at_ = ports_.clock.monotonic();
    return std::nullopt;
  }

  bool context_is_fresh() const {
    return ports_.clock.monotonic() - context_at_ <= kContextIsFresh;
  }

  Ended write_reply() {
    if (auto ended = check_guards()) return ended;
    typing_ = ports_.typing.begin(*helpdesk_->client, conversation_, settings_.replies.persona);
    if (auto ended = ask_responder()) return ended;
    if (context_is_fresh()) return std::nullopt;
    return check_guards();
  }

  Ended ask_responder() {
    const MonotonicTime begun = ports_.clock.monotonic();
    const StepTimer timer(steps_.responder, ports_.clock);
    const ReplyContext context{.conversation = lease_.lane,
                               .content = payload_.content,
                               .contact_name = contact_name_,
                               .simulate = payload_.simulate};
    auto answer = ports_.responder.reply(context, cancellation_);
    if (!answer) return responder_failed(lease_, answer.error());
    if (answer->empty()) {
      return permanent("empty_reply", "reply: the responder answered with nothing");
    }
    reply_ = std::move(*answer);
    ai_ms_ = std::chrono::duration_cast<Milliseconds>(ports_.clock.monotonic() - begun).count();
    return std::nullopt;
  }

  /// Records the intent and finds out what earlier attempts did. Afterwards a post may follow.
  Ended intend() {
    auto intent = ask_intent();
    if (!intent) return intent_failed(intent.error());
    if (!intent->saved_reply.empty()) reply_ = intent->saved_reply;
    switch (intent->answer) {
      case jobs::IntentAnswer::kGo:
        return std::nullopt;
      case jobs::IntentAnswer::kDone:
        return replied(intent->remote_id);
      case jobs::IntentAnswer::kVerify:
        return verify(*intent);
      case jobs::IntentAnswer::kSuperseded:
        return AttemptResult{};
    }
    return std::nullopt;
  }

  Result<jobs::Intent> ask_intent() {
    if (cancellation_.cancelled()) return fail(ErrorCode::kCancelled, "reply: cancelled");
    const StepTimer timer(steps_.intent, ports_.clock);
    const ReplyTiming timing{
        .queue_ms = std::max<std::int64_t>(
            0, lease_.leased_at_ms -
                   (payload_.accepted_at_ms > 0 ? payload_.accepted_at_ms : lease_.created_at_ms)),
        .ai_ms = ai_ms_};
    const Event shown =
        message_ai(lease_, payload_, reply_, settings_.replies.persona, timing, now_ms());
    for (int tries = 1;; ++tries) {
      const MonotonicTime asked_at = ports_.clock.monotonic();
      auto intent =
          ports_.store.intend(lease_, effect_, reply_, {shown}, message_unfinished(lease_));
      if (intent) {
        // The intent extended the lease.
        deadline_ = asked_at + jobs::usable_lease(settings_.lease);
        context_ = intent->conversation;
        context_at_ = asked_at;
      }
      const bool lost = !intent && (intent.error().code == ErrorCode::kTimeout ||
                                    intent.error().code == ErrorCode::kUnavailable);
      // Asking again now tells this attempt that it is its own intent; the next attempt would have
      // to look for a post that never was.
      if (!lost || tries == kIntentTries) return intent;
      if (!cancellation_.sleep_ms(kIntentPauseMs * tries)) return intent;
    }
  }

  AttemptResult intent_failed(const Error& error) const {
    if (error.code == ErrorCode::kCancelled) return cancelled();
    return store_failed(lease_, error);
  }

  /// An earlier attempt may have posted: look before doing it again.
  Ended verify(const jobs::Intent& intent) {
    const bool young =
        intent.intended_at_ms > 0 && now_ms() - intent.intended_at_ms < settings_.settle.count();
    const auto found = helpdesk_->client->find_message(conversation_, our_id_, payload_.message_id);
    if (found && *found) return replied(**found);
    if (found) return young ? Ended(wait_for_echo()) : std::nullopt;
    switch (found.error().code) {
      case ErrorCode::kUnsupported:
      case ErrorCode::kUnauthorized:
      case ErrorCode::kDenied:
      case ErrorCode::kUnknownOutcome:
        break;  // It cannot be read now and probably never.
      default:
        return helpdesk_failed(lease_, found.error(), "");
    }
    if (young) return wait_for_echo();
    if (!helpdesk_->source.hand_off_unknown_outcome) {
      may_post_twice_ = true;
      return std::nullopt;
    }
    return permanent("unknown_outcome",
                     "reply: an earlier post may have arrived and cannot be looked up (" +
                         found.error().message + ")");
  }

  AttemptResult wait_for_echo() const {
    return failed(lease_, FailureClass::kDeferred, "awaiting_echo",
                  "reply: an earlier post may still be on its way", settings_.settle_poll);
  }

  /// After a long look-up the lease may be about to end; another intent extends it and says
  /// whether somebody else has been at it.
  Ended renew_if_late() {
    if (ports_.clock.monotonic() < deadline_) return std::nullopt;
    const auto intent = ask_intent();
    if (!intent) return intent_failed(intent.error());
    if (intent->answer == jobs::IntentAnswer::kDone) return replied(intent->remote_id);
    return std::nullopt;  // Never superseded: an effect that was announced takes no more in.
  }

  AttemptResult post() {
    if (cancellation_.cancelled()) return cancelled();
    const PostRequest request{.conversation = conversation_,
                              .content = reply_,
                              .source_id = our_id_,
                              .in_reply_to = payload_.message_id,
                              .attempt = lease_.attempt,
                              .simulate = payload_.simulate};
    const auto posted = [&] {
      const StepTimer timer(steps_.post, ports_.clock);
      return helpdesk_->client->create_message(request);
    }();
    if (posted) {
      helpdesk_->breaker.succeeded();
      return replied(*posted);
    }
    if (is_outage(posted.error().code)) {
      helpdesk_->breaker.failed();
    } else if (posted.error().code != ErrorCode::kCancelled) {
      helpdesk_->breaker.succeeded();  // It answers, if not what we hoped for.
    }
    return helpdesk_failed(lease_, posted.error(), may_post_twice_ ? "" : effect_);
  }

  AttemptResult replied(const std::string& remote_id) const {
    AttemptResult result = finished(lease_, "replied");
    result.completed->effect = effect_;
    result.completed->remote_id = remote_id;
    result.completed->our_message_id = our_id_;
    result.completed->events = {message_sent(lease_, remote_id, now_ms())};
    return result;
  }

  const ReplyPorts& ports_;
  const ReplySettings& settings_;
  const ReplyHandler::Steps& steps_;
  const jobs::Lease& lease_;
  Cancellation& cancellation_;
  MonotonicTime deadline_;
  std::optional<jobs::ConversationState> context_;
  MonotonicTime context_at_;  ///< When it was asked for.
  const std::string effect_;
  const std::string our_id_;
  jobs::ReplyPayload payload_;
  Helpdesk* helpdesk_ = nullptr;
  ConversationRef conversation_;
  std::string contact_name_;
  std::string reply_;
  std::int64_t ai_ms_ = 0;
  bool may_post_twice_ = false;
  TypingFeed::Scope typing_;  ///< Ends with the attempt, whatever happens.
};

Metrics::Histogram& step_histogram(Metrics& metrics, std::string_view step) {
  return metrics.histogram("deskwire_step_seconds", "Duration of one step of an attempt.",
                           {{"step", step}});
}

}  // namespace

ReplyHandler::ReplyHandler(ReplyPorts ports, ReplySettings settings)
    : ports_(ports),
      settings_(std::move(settings)),
      steps_{step_histogram(ports.metrics, "context"), step_histogram(ports.metrics, "responder"),
             step_histogram(ports.metrics, "intent"), step_histogram(ports.metrics, "post")} {}

AttemptResult ReplyHandler::run(const jobs::Lease& lease, Cancellation& cancellation) {
  return ReplyAttempt(ports_, settings_, steps_, lease, cancellation).run();
}

}  // namespace deskwire::worker
