#include "worker/handlers/reply_writing.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "core/mutex.h"
#include "worker/attempt_cancellation.h"
#include "worker/context/quoted_mail.h"
#include "worker/guards/language.h"
#include "worker/guards/masking.h"
#include "worker/guards/words.h"
#include "worker/handlers/reply_guards.h"
#include "worker/helpdesks/liquid.h"

namespace deskwire::worker {
namespace {

Written hand_off(std::string reason, std::vector<Turn> turns = {}) {
  Written written;
  written.kind = Written::Kind::kHandOff;
  written.reason = std::move(reason);
  written.turns = std::move(turns);
  return written;
}

Written failure(Error error, bool of_store) {
  Written written;
  written.kind = Written::Kind::kFailed;
  written.store_failed = of_store;
  written.error = std::move(error);
  return written;
}

/// Answers since `since_ms`.
int answers_since(const ReplyRecord& record, std::int64_t since_ms) {
  return static_cast<int>(
      std::count_if(record.answers.begin(), record.answers.end(),
                    [since_ms](const PastAnswer& answer) { return answer.at_ms >= since_ms; }));
}

/// How often the newest answers were this one.
int repeats_of(const ReplyRecord& record, const std::string& digest) {
  const auto other =
      std::find_if(record.answers.rbegin(), record.answers.rend(),
                   [&](const PastAnswer& answer) { return answer.digest != digest; });
  return static_cast<int>(other - record.answers.rbegin());
}

/// Why the conversation's news end an answer under way; empty: they do not. What takes another look
/// (is the newest bot message ours? was the job replayed?) is left to the guards after it.
std::string interruption(const WritingTask& task, const jobs::ConversationState& state,
                         const config::Replies& replies, std::int64_t now_ms) {
  const GuardFacts facts{.state = state, .now_ms = now_ms, .replayed = true, .taken_back = true};
  const auto reason = reason_to_skip(task.payload, facts, task.source, replies);
  if (!reason || (*reason == "answered_by_human" && state.last_sender == "bot")) return {};
  return *reason;
}

/// Whoever cancels the outer one cancels the inner one too, for as long as this lives.
class Linked {
 public:
  Linked(Cancellation& outer, AttemptCancellation& inner) : outer_(outer) {
    outer_.when_cancelled([&inner] { inner.cancel(); });
  }
  ~Linked() { outer_.when_cancelled({}); }
  Linked(const Linked&) = delete;
  Linked& operator=(const Linked&) = delete;

 private:
  Cancellation& outer_;
};

/// Errors that mean: people, and no further attempt.
std::string hand_off_reason_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kFull:
      return "budget";
    case ErrorCode::kStale:
      return "circuit_open";
    case ErrorCode::kConflict:
      return "wrong_language";
    default:
      return {};
  }
}

/// Reasons of a responder's own choosing do not become labels.
std::string_view known_reason(std::string_view reason) {
  static constexpr std::array<std::string_view, 10> kKnown{
      "customer_asked",  "forbidden_topic", "office_hours", "low_confidence",
      "responder_asked", "budget",          "loop",         "repeated_answer",
      "circuit_open",    "wrong_language"};
  const auto* found = std::find(kKnown.begin(), kKnown.end(), reason);
  return found == kKnown.end() ? "other" : *found;
}

}  // namespace

ReplyWriting::ReplyWriting(const ReplyPorts& ports, const config::Replies& replies)
    : ports_(ports),
      replies_(replies),
      reasons_(replies.hand_off, replies.time_zone),
      templates_only_(replies.order() == std::vector<std::string>{"template"}),
      needs_language_(!templates_only_ ||
                      std::any_of(replies.rules.begin(), replies.rules.end(), [](const auto& rule) {
                        return !rule.languages.empty() ||
                               rule.reply.find("{language}") != std::string::npos;
                      })) {
  // Their tables and expressions are made at the first use: before somebody waits for an answer.
  if (needs_language_) language_of("The first text takes longer than all the others do.");
  masked("once");
}

void ReplyWriting::count_guard(std::string_view reason) const {
  ports_.metrics
      .counter("deskwire_reply_guard_hits_total", "Answers that a guard changed or stopped.",
               {{"reason", reason}})
      .add();
}

void ReplyWriting::count_hand_off(std::string_view reason) const {
  ports_.metrics
      .counter("deskwire_reply_handoffs_total", "Conversations given to people.",
               {{"reason", known_reason(reason)}})
      .add();
}

bool ReplyWriting::watches_breakers() const {
  return !templates_only_ || replies_.guards.templates;
}

Result<std::string> ReplyWriting::breaker_reason(const std::string& lane, ReplyContext& context,
                                                 ReplyRecord& record) const {
  if (!watches_breakers()) return std::string();
  auto read = ports_.ledger.read(lane, context.now_ms);
  if (!read) return fail(read.error());
  record = std::move(*read);
  const config::ReplyGuards& guards = replies_.guards;
  const std::int64_t window_from = context.now_ms - guards.window_s * 1000;
  if (guards.max_per_window > 0 && answers_since(record, window_from) >= guards.max_per_window) {
    return std::string("loop");
  }
  const auto spent = [](std::int64_t tokens, std::int64_t limit) {
    return limit > 0 && tokens >= limit;
  };
  context.may_spend = !spent(record.day_tokens, guards.tokens_per_day) &&
                      !spent(record.conversation_tokens, guards.tokens_per_conversation);
  return std::string();
}

void ReplyWriting::fill_context(const WritingTask& task, ReplyContext& context) const {
  const jobs::ReplyPayload& payload = task.payload;
  context.conversation = task.conversation.key;
  context.content = payload.content;
  context.contact_name = task.contact_name;
  context.simulate = payload.simulate;
  context.source = payload.source;
  context.inbox = payload.inbox_id;
  context.persona = task.persona;
  context.labels = payload.labels;
  context.attachments = payload.attachments;
  context.attributes = payload.attributes;
  const auto persona = replies_.personas.find(task.persona);
  if (persona != replies_.personas.end()) context.instructions = persona->second.instructions;
  if (needs_language_) context.language = language_of(payload.content);
}

Status ReplyWriting::add_history(const WritingTask& task, ReplyContext& context) const {
  auto history = ports_.history.before(task.conversation, task.client, task.payload.message_id,
                                       static_cast<std::size_t>(replies_.context.messages));
  if (!history) return fail(history.error());
  context.turns = std::move(history->turns);
  context.earlier_left_out = history->more;
  context.content = without_quoted_history(context.content);
  if (!replies_.guards.mask) return {};
  std::string content = masked(context.content);
  if (content != context.content) count_guard("masked_in");
  context.content = std::move(content);
  for (Turn& turn : context.turns) turn.text = masked(turn.text);
  for (auto& [name, value] : context.attributes) value = masked(value);
  return {};
}

Written ReplyWriting::write_watched(const WritingTask& task, DraftSink& draft,
                                    Cancellation& cancellation) const {
  AttemptCancellation own;
  Mutex mutex;
  std::string interrupted;
  const Linked linked(cancellation, own);
  auto watching =
      ports_.watch.watch(task.conversation.key, [&](const jobs::ConversationState& state) {
        std::string reason = interruption(task, state, replies_, ports_.clock.wall_ms());
        if (reason.empty()) return;
        {
          const MutexLock lock(mutex);
          interrupted = std::move(reason);
        }
        own.cancel();
      });
  Written written = write(task, draft, own);
  watching.end();
  const MutexLock lock(mutex);
  if (interrupted.empty()) return written;
  written.kind = Written::Kind::kInterrupted;
  written.reason = std::move(interrupted);
  return written;
}

Written ReplyWriting::write(const WritingTask& task, DraftSink& draft,
                            Cancellation& cancellation) const {
  ReplyContext context;
  context.now_ms = ports_.clock.wall_ms();
  if (std::string reason = reasons_.reason_for(task.payload.content, context.now_ms);
      !reason.empty()) {
    return hand_off(std::move(reason));
  }
  ReplyRecord record;
  auto tripped = breaker_reason(task.conversation.key, context, record);
  if (!tripped) return failure(tripped.error(), true);
  if (!tripped->empty()) return hand_off(std::move(*tripped));
  fill_context(task, context);
  if (ports_.responder.reads_history()) {
    if (const Status read = add_history(task, context); !read) return failure(read.error(), true);
  }
  const MonotonicTime asked = ports_.clock.monotonic();
  auto answer = ports_.responder.reply(context, draft, cancellation);
  const MonotonicTime answered = ports_.clock.monotonic();
  if (!answer) {
    std::string reason = hand_off_reason_of(answer.error().code);
    if (reason.empty()) return failure(answer.error(), false);
    count_guard(reason);
    return hand_off(std::move(reason), std::move(context.turns));
  }
  if (answer->tokens > 0) {
    ports_.ledger.spend(task.conversation.key, answer->tokens, context.now_ms);
  }
  Written written = checked(task, std::move(*answer), record);
  written.turns = std::move(context.turns);
  written.took = std::chrono::duration_cast<Milliseconds>(answered - asked);
  return written;
}

Written ReplyWriting::checked(const WritingTask& task, Answer answer,
                              const ReplyRecord& record) const {
  if (!answer.hand_off.empty()) return hand_off(answer.hand_off);
  if (answer.confidence < replies_.hand_off.min_confidence) return hand_off("low_confidence");
  const config::ReplyGuards& guards = replies_.guards;
  Written written;
  written.text = shortened_end(answer.text, static_cast<std::size_t>(guards.max_characters));
  if (written.text.size() < answer.text.size()) count_guard("too_long");
  if (guards.mask) {
    std::string safe = masked(written.text);
    if (safe != written.text) count_guard("masked_out");
    written.text = std::move(safe);
  }
  if (task.source.type == config::SourceType::kChatwoot) {
    std::string safe = neutralise_liquid(written.text);
    if (safe != written.text) count_guard("liquid");
    written.text = std::move(safe);
  }
  const bool repeats = watches_breakers() && guards.max_repeats > 0 &&
                       repeats_of(record, answer_digest(written.text)) >= guards.max_repeats;
  if (repeats) {
    count_guard("repeated_answer");
    return hand_off("repeated_answer");
  }
  written.answer = std::move(answer);
  return written;
}

void ReplyWriting::note(const std::string& lane, const std::string& key,
                        const std::string& text) const {
  if (!watches_breakers()) return;
  ports_.ledger.note_answer(lane, key, answer_digest(text), ports_.clock.wall_ms());
}

}  // namespace deskwire::worker
