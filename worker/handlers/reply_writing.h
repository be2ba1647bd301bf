#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "jobs/reply_payload.h"
#include "worker/guards/hand_off_reasons.h"
#include "worker/handlers/reply_ports.h"

namespace deskwire::worker {

/// What is to be answered.
struct WritingTask {
  const jobs::ReplyPayload& payload;
  ConversationRef conversation;
  const config::Source& source;
  HelpdeskClient& client;
  std::string contact_name;
  std::string persona;
};

/// What came of it.
struct Written {
  enum class Kind : std::uint8_t { kAnswer, kHandOff, kInterrupted, kFailed };
  Kind kind = Kind::kAnswer;
  std::string text;            ///< kAnswer: ready to be posted.
  Answer answer;               ///< kAnswer: as it was written.
  std::string reason;          ///< kHandOff; kInterrupted: why nobody wants it any more.
  std::optional<Error> error;  ///< kFailed.
  bool store_failed = false;   ///< kFailed: not the responder, but what it was to be told.
  Milliseconds took{0};        ///< The responder's call.
  std::vector<Turn> turns;     ///< What was said before, as far as it was read.
};

/// From a customer's message to a text that may be posted: reasons to call people, breakers and
/// budgets, context, responder, and the guards of its answer (masking, length, Liquid, repetition).
/// Changes nothing but what the ledger remembers of tokens.
///
/// Thread safety: write may be called concurrently.
class ReplyWriting {
 public:
  ReplyWriting(const ReplyPorts& ports, const config::Replies& replies);

  /// @param draft  Sees the answer while it is written.
  Written write(const WritingTask& task, DraftSink& draft, Cancellation& cancellation) const;
  /// As write(), but gives up when the conversation no longer wants an answer.
  Written write_watched(const WritingTask& task, DraftSink& draft,
                        Cancellation& cancellation) const;
  /// The answer was shown: it counts for the breakers.
  void note(const std::string& lane, const std::string& key, const std::string& text) const;

  /// Counts a guard's hit. @param reason  Of a closed set.
  void count_guard(std::string_view reason) const;
  void count_hand_off(std::string_view reason) const;

 private:
  bool watches_breakers() const;
  /// A reason to call people, or nothing; fills in whether tokens may be spent.
  Result<std::string> breaker_reason(const std::string& lane, ReplyContext& context,
                                     ReplyRecord& record) const;
  void fill_context(const WritingTask& task, ReplyContext& context) const;
  /// For responders that read it: masked, because it leaves the house.
  Status add_history(const WritingTask& task, ReplyContext& context) const;
  Written checked(const WritingTask& task, Answer answer, const ReplyRecord& record) const;

  const ReplyPorts& ports_;
  const config::Replies& replies_;
  const HandOffReasons reasons_;
  const bool templates_only_;
  const bool needs_language_;
};

}  // namespace deskwire::worker
