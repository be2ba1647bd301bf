#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "worker/helpdesk_client.h"

namespace deskwire::worker {

/// The helpdesk of a sandbox source: there is none, replies live on the channel only. Posting the
/// same source_id again changes nothing and answers the same id.
///
/// Plays what the visitor asked for (`simulate`):
///   post = fail       the post is refused for good
///   post = fail_once  the first attempt cannot connect
class SandboxClient final : public HelpdeskClient {
 public:
  Result<std::string> create_message(const PostRequest& request) override;
  Status set_typing(const ConversationRef& conversation, bool on) override;
  /// Never there: nothing is stored, so repeating a post is harmless.
  Result<std::optional<std::string>> find_message(const ConversationRef& conversation,
                                                  const std::string& source_id,
                                                  const std::string& in_reply_to) override;
  Status hand_off(const ConversationRef& conversation) override;
  Result<std::vector<AccessFinding>> check_access() override;
  void stop() override { stopped_ = true; }

 private:
  std::atomic<bool> stopped_{false};
};

}  // namespace deskwire::worker
