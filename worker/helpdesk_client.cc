#include "worker/helpdesk_client.h"

namespace deskwire::worker {

Status HelpdeskClient::assign(const ConversationRef& /*conversation*/,
                              const std::string& /*team_id*/,
                              const std::vector<std::string>& /*labels*/) {
  return fail(ErrorCode::kUnsupported, "helpdesk: teams and labels cannot be set here");
}

Result<History> HelpdeskClient::read_messages(const ConversationRef& /*conversation*/,
                                              const std::string& /*message_id*/,
                                              std::size_t /*limit*/) {
  return fail(ErrorCode::kUnsupported, "helpdesk: messages cannot be read here");
}

}  // namespace deskwire::worker
