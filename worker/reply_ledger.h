#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/result.h"

namespace deskwire::worker {

/// One answer that was given in a conversation.
struct PastAnswer {
  std::int64_t at_ms = 0;
  std::string digest;  ///< Of its text (answer_digest).
};

/// What the breakers and budgets look at.
struct ReplyRecord {
  std::vector<PastAnswer> answers;  ///< The newest kMaxAnswers, oldest first.
  std::int64_t conversation_tokens = 0;
  std::int64_t day_tokens = 0;  ///< Of all conversations, this UTC day.
};

/// What is remembered of the answers given, so that loops and spent budgets are seen by every
/// process. It only ever stops answers: where it is lost, the worst is one answer too many.
///
/// Thread safety: every method may be called concurrently. Errors: as JobStore's.
class ReplyLedger {
 public:
  static constexpr std::size_t kMaxAnswers = 200;

  virtual ~ReplyLedger() = default;
  virtual Result<ReplyRecord> read(const std::string& lane, std::int64_t now_ms) = 0;
  /// Once an answer: the same `key` again changes nothing. Does not wait.
  virtual void note_answer(const std::string& lane, const std::string& key,
                           const std::string& digest, std::int64_t now_ms) = 0;
  /// Does not wait.
  virtual void spend(const std::string& lane, std::int64_t tokens, std::int64_t now_ms) = 0;
};

/// The same for answers that differ in case and spaces only.
std::string answer_digest(std::string_view text);

}  // namespace deskwire::worker
