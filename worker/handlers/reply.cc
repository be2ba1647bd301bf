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
#include "worker/guards/rollout.h"
#include "worker/handlers/draft.h"
#include "worker/handlers/failures.h"
#include "worker/handlers/reply_events.h"
#include "worker/handlers/reply_guards.h"
#include "worker/handlers/reply_parts.h"
#include "worker/handlers/step_times.h"

namespace deskwire::worker {
namespace {

using jobs::FailureClass;

// A quick responder leaves no time in which the conversation could have changed much; the guards
// are asked again before the post in any case.
constexpr Milliseconds kContextIsFresh{250};
constexpr int kIntentTries = 3;
constexpr std::int64_t kIntentPauseMs = 200;

/// One run of one lease. Each step returns the attempt's end, or nullopt to go on.
class ReplyAttempt {
 public:
  using Ended = std::optional<AttemptResult>;

  struct Parts {
    const ReplyPorts& ports;
    const ReplySettings& settings;
    const ReplyHandler::Steps& steps;
    const ReplyWriting& writing;
    const HandOver& hand_over;
  };
  ReplyAttempt(const Parts& parts, const jobs::Lease& lease, Cancellation& cancellation)
      : ports_(parts.ports),
        settings_(parts.settings),
        steps_(parts.steps),
        writing_(parts.writing),
        hand_over_(parts.hand_over),
        lease_(lease),
        cancellation_(cancellation),
        deadline_(lease.local_deadline),
        context_(lease.conversation),
        context_at_(lease.local_deadline - jobs::usable_lease(settings_.lease)),
        effect_(jobs::effect_key(lease.root.str())),
        our_id_(jobs::our_message_id(lease.root.str(), 1)) {}

  AttemptResult run() {
    AttemptResult result = run_steps();
    if (draft_ && !shown_) draft_->drop(why_no_answer(result));
    if (result.completed) result.completed->steps = times_.str();
    return result;
  }

 private:
  AttemptResult run_steps() {
    if (auto ended = load()) return std::move(*ended);
    // What an earlier attempt began is looked up first: had it posted, a guard that ends the job
    // here would tell people that the message never arrived.
    reply_ = lease_.saved_reply;
    if (reply_.empty()) {
      if (auto ended = write_reply()) return std::move(*ended);
    }
    is_farewell_ = !reply_.empty() && reply_ == settings_.replies.hand_off.message;
    if (const auto hold = helpdesk_->breaker.admit()) return held_back(*hold);
    if (auto ended = intend()) return std::move(*ended);
    shown_ = true;
    writing_.note(lease_.lane, lease_.root.str(), reply_);
    typing_.end();
    if (auto ended = check_guards()) return std::move(*ended);
    if (auto ended = renew_if_late()) return std::move(*ended);
    return post();
  }

  std::int64_t now_ms() const { return ports_.clock.wall_ms(); }

  AttemptResult permanent(const char* code, std::string message) const {
    return failed(lease_, FailureClass::kPermanent, code, std::move(message));
  }
  AttemptResult cancelled() const {
    return failed(lease_, FailureClass::kRetryable, "cancelled", "reply: cancelled");
  }
  AttemptResult held_back(Milliseconds delay) const {
    return reply_held_back(lease_, payload_.source, delay);
  }

  Ended load() {
    auto payload = whole_payload(lease_);
    if (!payload) return permanent("unparsable", payload.error().message);
    payload_ = std::move(*payload);
    helpdesk_ = ports_.helpdesks.find(payload_.source);
    if (helpdesk_ == nullptr) {
      return permanent("unknown_source",
                       "reply source=" + payload_.source +
                           ": not in the config (any more); put it back to retry");
    }
    conversation_ = {payload_.account_id, payload_.conversation_id, lease_.lane};
    const Rollout rollout =
        rollout_of(settings_.replies, payload_.source, payload_.inbox_id, lease_.lane);
    writer_ = {lease_.lane, persona_of(settings_.replies, payload_.source, payload_.inbox_id),
               rollout == Rollout::kShadow};
    // What people have read already is brought to its end all the same.
    if (rollout == Rollout::kOff && lease_.saved_reply.empty()) {
      return finished(lease_, "skipped:not_enabled");
    }
    if (const auto hold = helpdesk_->breaker.held()) return held_back(*hold);
    return std::nullopt;
  }

  Ended check_guards() {
    if (is_farewell_) return std::nullopt;  // It is the hand-over that closed the conversation.
    const StepTimer timer(steps_.context, times_, "context", ports_.clock);
    if (auto ended = read_context()) return ended;
    GuardFacts facts{.state = *context_, .now_ms = now_ms()};
    auto reason = reason_to_skip(payload_, facts, helpdesk_->source, settings_.replies);
    if (reason == "answered_by_human" && facts.state.last_sender == "bot") {
      const auto ours = ports_.store.mapped_message(lease_.lane, facts.state.last_message_id);
      if (!ours) return store_failed(lease_, ours.error());
      facts.last_message_is_ours = !ours->empty();
      reason = reason_to_skip(payload_, facts, helpdesk_->source, settings_.replies);
    }
    if (reason == "stale" || reason == "handed_off") {
      const auto job = ports_.store.get(lease_.id);
      if (!job) return store_failed(lease_, job.error());
      facts.replayed = !job->parent.empty();
      facts.taken_back = facts.replayed;
      reason = reason_to_skip(payload_, facts, helpdesk_->source, settings_.replies);
    }
    if (reason) {
      writing_.count_guard(*reason);
      return finished(lease_, "skipped:" + *reason);
    }
    contact_name_ =
        payload_.contact_name.empty() ? facts.state.contact_name : payload_.contact_name;
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
    typing_ =
        ports_.typing.begin(helpdesk_->client, conversation_, writer_.persona, writer_.shadow);
    if (auto ended = ask_responder()) return ended;
    return context_is_fresh() ? std::nullopt : check_guards();
  }

  /// People take over. Whatever they are told, the customer may hear a last word from us.
  Ended hand_over(const Written& written) {
    typing_.end();
    if (writer_.shadow) return finished(lease_, "skipped:shadow_handoff");
    if (const auto hold = helpdesk_->breaker.admit()) return held_back(*hold);
    const StepTimer timer(steps_.hand_over, times_, "handoff", ports_.clock);
    const auto done = hand_over_.run({.lease = lease_,
                                      .payload = payload_,
                                      .helpdesk = *helpdesk_,
                                      .reason = written.reason,
                                      .turns = written.turns});
    if (!done) return hand_over_failed(lease_, done.error(), helpdesk_->breaker);
    helpdesk_->breaker.succeeded();
    writing_.count_hand_off(written.reason);
    outcome_ = "handed_off:" + written.reason;
    if (settings_.replies.hand_off.message.empty()) return finished(lease_, outcome_);
    reply_ = settings_.replies.hand_off.message;
    is_farewell_ = true;
    return std::nullopt;
  }

  Ended ask_responder() {
    const WritingTask task{.payload = payload_,
                           .conversation = conversation_,
                           .source = helpdesk_->source,
                           .client = *helpdesk_->client,
                           .contact_name = contact_name_,
                           .persona = writer_.persona};
    draft_.emplace(ports_.publish, ports_.clock,
                   draft_view(lease_, our_id_, writer_, settings_.replies,
                              helpdesk_->source.type == config::SourceType::kChatwoot));
    Written written = [&] {
      const StepTimer timer(steps_.responder, times_, "answer", ports_.clock);
      return writing_.write_watched(task, *draft_, cancellation_);
    }();
    switch (written.kind) {
      case Written::Kind::kInterrupted:
        writing_.count_guard(written.reason);
        return finished(lease_, "skipped:" + written.reason);
      case Written::Kind::kFailed:
        if (written.store_failed) return store_failed(lease_, *written.error);
        return responder_gave_up(lease_, *written.error, settings_.replies.hand_off.after_failures);
      case Written::Kind::kHandOff:
        return hand_over(written);
      case Written::Kind::kAnswer:
        break;
    }
    if (written.text.empty()) {
      return permanent("empty_reply", "reply: the responder answered with nothing");
    }
    draft_->finish();
    reply_ = std::move(written.text);
    ai_ms_ = written.took.count();
    remark_on(written.answer, times_);
    suggestions_ = std::move(written.answer.suggestions);
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
    const StepTimer timer(steps_.intent, times_, "intent", ports_.clock);
    const ReplyTiming timing{.queue_ms = queued_ms(lease_, payload_), .ai_ms = ai_ms_};
    const Event shown = message_ai(lease_, payload_, reply_, writer_, timing, now_ms());
    for (int tries = 1;; ++tries) {
      const MonotonicTime asked_at = ports_.clock.monotonic();
      auto intent = ports_.store.intend(lease_, effect_, reply_, {shown},
                                        message_unfinished(lease_, writer_));
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
                              .is_private = writer_.shadow,
                              .attempt = lease_.attempt,
                              .simulate = payload_.simulate};
    const auto posted = [&] {
      const StepTimer timer(steps_.post, times_, "post", ports_.clock);
      return helpdesk_->client->create_message(request);
    }();
    if (posted) {
      helpdesk_->breaker.succeeded();
      return replied(*posted);
    }
    tell_breaker(helpdesk_->breaker, posted.error().code);
    return helpdesk_failed(lease_, posted.error(), may_post_twice_ ? "" : effect_);
  }

  AttemptResult replied(const std::string& remote_id) const {
    AttemptResult result = finished(lease_, outcome_.empty() ? usual_outcome() : outcome_);
    result.completed->effect = effect_;
    result.completed->remote_id = remote_id;
    result.completed->our_message_id = our_id_;
    result.completed->events = {message_sent(lease_, writer_, remote_id, now_ms())};
    const auto offered = offered_suggestions(suggestions_, settings_.replies, writer_.persona);
    if (!offered.empty() && !is_farewell_) {
      result.completed->events.push_back(suggestions(lease_, writer_, offered, now_ms()));
    }
    return result;
  }

  std::string usual_outcome() const { return writer_.shadow ? "shadowed" : "replied"; }

  const ReplyPorts& ports_;
  const ReplySettings& settings_;
  const ReplyHandler::Steps& steps_;
  const ReplyWriting& writing_;
  const HandOver& hand_over_;
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
  Writer writer_;
  StepTimes times_;
  std::optional<Draft> draft_;
  bool shown_ = false;        ///< The answer itself is on the channel.
  bool is_farewell_ = false;  ///< The reply is config replies.hand_off.message.
  std::string outcome_;       ///< Other than the usual one.
  std::vector<std::string> suggestions_;
  TypingFeed::Scope typing_;  ///< Ends with the attempt, whatever happens.
};

Metrics::Histogram& step_histogram(Metrics& metrics, std::string_view step) {
  return metrics.histogram("deskwire_step_seconds", "Duration of one step of an attempt.",
                           {{"step", step}});
}

}  // namespace

ReplyHandler::ReplyHandler(ReplyPorts ports, ReplySettings settings)
    : ports_(std::move(ports)),
      settings_(std::move(settings)),
      steps_{step_histogram(ports_.metrics, "context"), step_histogram(ports_.metrics, "responder"),
             step_histogram(ports_.metrics, "intent"), step_histogram(ports_.metrics, "post"),
             step_histogram(ports_.metrics, "handoff")},
      writing_(ports_, settings_.replies),
      hand_over_(ports_.store, ports_.clock, settings_.replies) {}

AttemptResult ReplyHandler::run(const jobs::Lease& lease, Cancellation& cancellation) {
  return ReplyAttempt({ports_, settings_, steps_, writing_, hand_over_}, lease, cancellation).run();
}

}  // namespace deskwire::worker
