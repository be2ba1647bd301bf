#pragma once

#include "worker/helpdesk_client.h"

namespace deskwire::worker {

/// For helpdesks that are only listened to (config::Source::takes_replies is false): nothing can be
/// written or read. The guards end a reply before it gets here.
class ListeningClient final : public HelpdeskClient {
 public:
  Result<std::string> create_message(const PostRequest& request) override;
  Status set_typing(const ConversationRef& conversation, bool on) override;
  Result<std::optional<std::string>> find_message(const ConversationRef& conversation,
                                                  const std::string& source_id,
                                                  const std::string& in_reply_to) override;
  Status hand_off(const ConversationRef& conversation) override;
  Result<std::vector<AccessFinding>> check_access() override;
  void stop() override {}
};

}  // namespace deskwire::worker
