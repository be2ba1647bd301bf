#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "worker/helpdesk_client.h"
#include "worker/helpdesks/http_client.h"

namespace deskwire::worker {

/// Zendesk's Support API: a reply is a public comment of the ticket.
///
/// Our message id goes into the update's metadata, which Zendesk keeps in the ticket's audits:
/// there a later look-up finds it. Webhooks do not carry it, so that echoes are recognised by the
/// comment's id. Tickets have no typing indicator.
///
/// The bot token is "mail/token:…" (an API token, sent as HTTP Basic) or an OAuth token.
///
/// Status codes as ChatwootClient; besides, 409 kUnavailable: somebody else's update won, and ours
/// was not made.
/// Source: developer.zendesk.com, "Tickets" (update, "Setting metadata"), "Ticket audits",
/// "Users" (me).
class ZendeskClient final : public HelpdeskClient {
 public:
  explicit ZendeskClient(const config::Source& source);

  Result<std::string> create_message(const PostRequest& request) override;
  Status set_typing(const ConversationRef& conversation, bool on) override;
  /// @errors kUnknownOutcome also when the ticket has more audits than we read.
  Result<std::optional<std::string>> find_message(const ConversationRef& conversation,
                                                  const std::string& source_id,
                                                  const std::string& in_reply_to) override;
  /// Sets the ticket's status to open.
  Status hand_off(const ConversationRef& conversation) override;
  Result<std::vector<AccessFinding>> check_access() override;
  void stop() override;

 private:
  Result<std::string> call(const std::string& method, const std::string& path,
                           const std::string& body);

  const config::Source source_;
  HttpClient http_;
};

}  // namespace deskwire::worker
