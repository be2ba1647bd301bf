#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "worker/helpdesk_client.h"
#include "worker/helpdesks/http_client.h"

namespace deskwire::worker {

/// A source that speaks our own JSON. Without base_url replies stay on the channel. With it they
/// are posted there, with the bot token as Bearer token if there is one:
///
///   POST {base_url}   Idempotency-Key: dw-01J…-1
///   {"type":"reply","conversation":"42","content":"…","sourceId":"dw-01J…-1","inReplyTo":"7"}
///   {"type":"handoff","conversation":"42"}
///
/// Any 2xx is success; `{"id":"…"}` in its body names the message. Typing is not sent. Status codes
/// as for Chatwoot (http_status.h).
class GenericClient final : public HelpdeskClient {
 public:
  explicit GenericClient(const config::Source& source);

  Result<std::string> create_message(const PostRequest& request) override;
  Status set_typing(const ConversationRef& conversation, bool on) override;
  /// Without base_url never there, as in the sandbox. @errors kUnsupported: with base_url.
  Result<std::optional<std::string>> find_message(const ConversationRef& conversation,
                                                  const std::string& source_id,
                                                  const std::string& in_reply_to) override;
  Status hand_off(const ConversationRef& conversation) override;
  Result<std::vector<AccessFinding>> check_access() override;
  void stop() override;

 private:
  Result<std::string> post(const std::string& body, const std::string& idempotency_key);

  const config::Source source_;
  std::unique_ptr<HttpClient> http_;  ///< Null without base_url.
  std::atomic<bool> stopped_{false};
};

}  // namespace deskwire::worker
