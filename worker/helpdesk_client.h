#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"
#include "worker/responder.h"

namespace deskwire::worker {

/// Where to write: a conversation in a helpdesk's own terms.
struct ConversationRef {
  std::string account_id;
  std::string conversation_id;
  std::string key;  ///< Conversation key, for logs.
};

/// What a check of the tokens found out about one of them.
struct AccessFinding {
  enum class Level : std::uint8_t { kGood, kDoubtful, kRefused };
  Level level = Level::kGood;
  std::string text;  ///< For people, without secrets.
};

/// In whose name a message is written. Replies are ours; the others come from our own clients.
enum class MessageAuthor : std::uint8_t { kBot, kContact, kAgent };

struct PostRequest {
  ConversationRef conversation;
  std::string content;  ///< As the responder wrote it; the adapter makes it safe for its helpdesk.
  std::string source_id;  ///< Our message id: what a later look-up finds.
  std::string in_reply_to;
  bool is_private = false;  ///< A note for people.
  int attempt = 1;
  std::map<std::string, std::string> simulate;  ///< Sandbox only.
  MessageAuthor author = MessageAuthor::kBot;
};

/// A helpdesk's API, for one source.
///
/// Errors tell what is known about the effect:
///   kRateLimited (retry_after)                   surely not done; no attempt consumed
///   kInvalid, kUnauthorized, kDenied, kNotFound, kTooLarge  surely not done; permanent
///   kUnavailable                                 surely not done (could not connect); retry
///   kTimeout, kUnknownOutcome                    may be done: verify before repeating (a 5xx after
///                                                the request was sent is one of these)
///   kCancelled                                   stop() was called; may be done
///
/// Thread safety: every method may be called concurrently; they block up to the request timeout.
class HelpdeskClient {
 public:
  virtual ~HelpdeskClient() = default;
  /// @return The helpdesk's id of the new message.
  /// @errors kUnsupported: not in this author's name.
  virtual Result<std::string> create_message(const PostRequest& request) = 0;
  /// Best effort; callers log errors and go on.
  virtual Status set_typing(const ConversationRef& conversation, bool on) = 0;
  /// Looks for a message with this source_id among the newest ones.
  /// @param in_reply_to  Helpdesk id of the message that it answers, hence older than it; empty:
  ///                     unknown. Saves looking further back.
  /// @return Its helpdesk id, or nullopt when it is surely not there.
  /// @errors kUnsupported: cannot read (no user token). Others as above.
  virtual Result<std::optional<std::string>> find_message(const ConversationRef& conversation,
                                                          const std::string& source_id,
                                                          const std::string& in_reply_to) = 0;
  /// Gives the conversation to a human (Chatwoot: status open).
  virtual Status hand_off(const ConversationRef& conversation) = 0;
  /// Gives it to a team and sets its labels. Best effort; callers log errors and go on.
  /// @param team_id  Empty: no change.
  /// @param labels   All that it shall have; empty: no change.
  virtual Status assign(const ConversationRef& conversation, const std::string& team_id,
                        const std::vector<std::string>& labels);
  /// The newest public messages before `message_id` (empty: all), oldest first.
  /// @errors kUnsupported: cannot read.
  virtual Result<History> read_messages(const ConversationRef& conversation,
                                        const std::string& message_id, std::size_t limit);
  /// For `doctor`: can the tokens do what we need?
  virtual Result<std::vector<AccessFinding>> check_access() = 0;
  /// Ends calls in flight with kCancelled; later calls fail at once.
  virtual void stop() = 0;
};

}  // namespace deskwire::worker
