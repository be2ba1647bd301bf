#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "worker/helpdesk_client.h"
#include "worker/helpdesks/http_client.h"

namespace deskwire::worker {

/// Zammad's API: a reply is an article of the ticket, of the kind of the one that it answers (a
/// mail is answered by mail, a chat message on its channel, everything else by a public note).
///
/// Our message id stands in the article's `preferences`, where a later look-up and the webhook
/// about it find it: Zammad replaces the `message_id` of mails with its own. Zammad has no typing
/// indicator for others.
///
/// Status codes as ChatwootClient.
/// Source: zammad app/controllers/ticket_articles_controller.rb,
/// app/controllers/concerns/creates_ticket_articles.rb, docs.zammad.org "Ticket Articles".
class ZammadClient final : public HelpdeskClient {
 public:
  explicit ZammadClient(const config::Source& source);

  Result<std::string> create_message(const PostRequest& request) override;
  Status set_typing(const ConversationRef& conversation, bool on) override;
  Result<std::optional<std::string>> find_message(const ConversationRef& conversation,
                                                  const std::string& source_id,
                                                  const std::string& in_reply_to) override;
  /// Sets the ticket's state to open.
  Status hand_off(const ConversationRef& conversation) override;
  Result<std::vector<AccessFinding>> check_access() override;
  void stop() override;

 private:
  Result<std::string> call(const std::string& method, const std::string& path,
                           const std::string& body);
  Result<nlohmann::json> draft_for(const PostRequest& request, std::int64_t ticket);

  const config::Source source_;
  HttpClient http_;
};

}  // namespace deskwire::worker
