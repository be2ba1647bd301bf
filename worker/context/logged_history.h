#pragma once

#include "core/channel_log.h"
#include "worker/conversation_history.h"

namespace deskwire::worker {

/// Reads the conversation's channel log, which holds what webhooks and we said, edits and deletions
/// applied; where that knows nothing before the message (a conversation older than we), asks the
/// helpdesk. Quoted mail history is cut from each message.
class LoggedHistory final : public ConversationHistory {
 public:
  explicit LoggedHistory(ChannelLog& log) : log_(log) {}
  Result<History> before(const ConversationRef& conversation, HelpdeskClient& client,
                         const std::string& message_id, std::size_t limit) override;

 private:
  ChannelLog& log_;
};

}  // namespace deskwire::worker
