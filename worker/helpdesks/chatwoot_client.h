#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "worker/helpdesk_client.h"
#include "worker/helpdesks/http_client.h"

namespace deskwire::worker {

/// Chatwoot's API for one account: the bot token writes, the user token (optional) reads back.
///
/// Chatwoot creates a message for every POST, however often it comes (its source_id index is not
/// unique): a post with an unknown outcome must be looked up before it is repeated, and reading
/// messages is refused to bot tokens. Outgoing text is made safe from Liquid here, just before the
/// post; the channel shows the original.
///
/// A customer's message goes in as an incoming one (API inboxes only) with the bot token, an
/// agent's as an outgoing one with the user token.
///
/// Status codes: 401 kUnauthorized, 403 kDenied, 404 kNotFound, 413 kTooLarge, 429 and 422 "Too
/// many messages" kRateLimited, 408 and 5xx kUnknownOutcome, other 3xx and 4xx kInvalid; a 2xx
/// whose body is not the documented one kUnknownOutcome.
/// Source: chatwoot 4.14.2, app/controllers/api/v1/accounts/conversations/.
class ChatwootClient final : public HelpdeskClient {
 public:
  explicit ChatwootClient(const config::Source& source);

  Result<std::string> create_message(const PostRequest& request) override;
  Status set_typing(const ConversationRef& conversation, bool on) override;
  /// Reads the newest pages until the message is found, or they reach back beyond the moment that
  /// our source_id was minted, or end.
  /// @errors kUnknownOutcome also when too many messages lie in between to be sure.
  Result<std::optional<std::string>> find_message(const ConversationRef& conversation,
                                                  const std::string& source_id,
                                                  const std::string& in_reply_to) override;
  Status assign(const ConversationRef& conversation, const std::string& team_id,
                const std::vector<std::string>& labels) override;
  Result<History> read_messages(const ConversationRef& conversation, const std::string& message_id,
                                std::size_t limit) override;
  Status hand_off(const ConversationRef& conversation) override;
  Result<std::vector<AccessFinding>> check_access() override;
  void stop() override;

 private:
  Result<std::string> call(const std::string& method, const std::string& path,
                           const std::string& body, const config::Secret& token);

  const config::Source source_;
  HttpClient http_;
};

}  // namespace deskwire::worker
