#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "core/clock.h"
#include "core/result.h"
#include "worker/helpdesks/http_client.h"

namespace deskwire::worker {

/// Reads from Chatwoot's API what its webhooks should have said.
///
/// Thread safety: every method may be called concurrently.
class ChatwootReader {
 public:
  /// Whether there is anything to read with: of type chatwoot, with account_id, base_url and
  /// user_token.
  static bool can_read(const config::Source& source);

  /// One conversation, and what is known of it.
  struct Wanted {
    std::int64_t conversation = 0;  ///< Chatwoot's display id.
    std::string known_status;       ///< As the last webhook told it; empty: unknown.
    std::int64_t since_s = 0;       ///< Messages made before are not asked for.
    MonotonicTime deadline;         ///< Of the whole read.
  };

  /// @param source  One that can_read.
  explicit ChatwootReader(const config::Source& source);

  /// Bodies as of the webhook `message_created`, for every message made in [since, until), each
  /// conversation's oldest first. What was said in them before is not asked for again.
  ///
  /// @errors As HelpdeskClient; of reads, so that nothing has an unknown outcome. kTooLarge: more
  ///         conversations or messages than one look takes; look again with a later `since`.
  Result<std::vector<std::string>> messages_between(std::int64_t since_s, std::int64_t until_s);

  /// Bodies as of the webhooks of one conversation: `message_created` for every message made since
  /// then, oldest first, and last how the conversation itself stands: `conversation_status_changed`
  /// where its status is not the known one, else `conversation_updated`.
  ///
  /// @errors As messages_between. kTimeout: not whole at the deadline. kNotFound: the helpdesk has
  ///         no such conversation.
  Result<std::vector<std::string>> conversation(const Wanted& wanted);

  /// Ends calls in flight with kCancelled; later ones fail at once.
  void stop() { http_.stop(); }

 private:
  /// How long the next request may take. @errors kTimeout: not at all.
  using Patience = std::function<Result<Milliseconds>()>;
  struct Span {
    std::int64_t since_s = 0;
    std::int64_t until_s = 0;
  };

  Result<nlohmann::json> get(const std::string& path, const Patience& patience);
  Result<std::vector<nlohmann::json>> conversations_since(std::int64_t since_s);
  Status read_messages(const nlohmann::json& conversation, const Span& span,
                       const Patience& patience, std::vector<std::string>& bodies);

  const config::Source source_;
  HttpClient http_;
};

}  // namespace deskwire::worker
