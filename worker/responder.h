#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"

namespace deskwire::worker {

/// An earlier public message.
struct Turn {
  enum class Who : std::uint8_t { kCustomer, kAssistant, kAgent };
  Who who = Who::kCustomer;
  std::string message_id;
  std::string text;
};

/// Earlier public messages, oldest first.
struct History {
  std::vector<Turn> turns;
  bool more = false;  ///< There are older ones.
};

/// What a responder gets to see. Everything in it came from outside.
struct ReplyContext {
  std::string conversation;
  std::string content;       ///< What the customer wrote.
  std::string contact_name;  ///< Empty when unknown.
  std::map<std::string, std::string> simulate;

  std::string source;
  std::string inbox;
  std::string persona;                            ///< Its name.
  std::string instructions;                       ///< The persona's, from the config.
  std::string language;                           ///< Of the message ("en"); empty: not sure.
  std::vector<std::string> labels;                ///< Of the conversation.
  std::vector<std::string> attachments;           ///< Of the message: "image photo.png".
  std::map<std::string, std::string> attributes;  ///< Of the contact; all that is known.
  std::vector<Turn> turns;                        ///< Before the message, oldest first.
  bool earlier_left_out = false;                  ///< There were more.
  bool may_spend = true;                          ///< False: the budget of tokens is spent.
  std::int64_t now_ms = 0;
};

struct Answer {
  std::string text;
  std::string responder = "template";  ///< Who wrote it.
  double confidence = 1;
  std::string hand_off;  ///< Why the responder wants people to take over; empty: it does not.
  std::vector<std::string> suggestions;
  std::int64_t tokens = 0;      ///< That it cost, in and out; estimated where not told.
  Milliseconds first_token{0};  ///< Since it was asked; 0: not known.
};

/// Takes in an answer while it is being written.
class DraftSink {
 public:
  virtual ~DraftSink() = default;
  /// A new draft: what came before is void.
  virtual void begin() = 0;
  virtual void add(std::string_view text) = 0;
};

/// Asked by long-running responders; true: give up with kCancelled.
class Cancellation {
 public:
  virtual ~Cancellation() = default;
  virtual bool cancelled() const = 0;
  /// Sleeps until `ms` are over or it is cancelled; false: cancelled.
  virtual bool sleep_ms(std::int64_t ms) = 0;
  /// Runs `then` when it is cancelled, on the canceller's thread, or now if it already is; replaces
  /// the one before. An empty one: none. When this has returned, the one before is not running.
  virtual void when_cancelled(std::function<void()> then) = 0;
};

/// Writes the answer. Thread safety: every method may be called concurrently.
///
/// @errors kInvalid, kUnauthorized, kDenied, kTooLarge, kUnsupported: permanent. kUnavailable,
///         kTimeout: retryable. kRateLimited. kCancelled. kFull: the budget is spent.
class Responder {
 public:
  virtual ~Responder() = default;
  virtual Result<Answer> reply(const ReplyContext& context, DraftSink& draft,
                               Cancellation& cancellation) = 0;
  /// Whether `turns` should be filled for it.
  virtual bool reads_history() const { return false; }
};

}  // namespace deskwire::worker
