#include "worker/helpdesks/listening_client.h"

namespace deskwire::worker {
namespace {

tl::unexpected<Error> only_listens() {
  return fail(ErrorCode::kUnsupported, "helpdesk: this source is only listened to");
}

}  // namespace

Result<std::string> ListeningClient::create_message(const PostRequest& /*request*/) {
  return only_listens();
}

Status ListeningClient::set_typing(const ConversationRef& /*conversation*/, bool /*on*/) {
  return {};
}

Result<std::optional<std::string>> ListeningClient::find_message(
    const ConversationRef& /*conversation*/, const std::string& /*source_id*/,
    const std::string& /*in_reply_to*/) {
  return std::nullopt;
}

Status ListeningClient::hand_off(const ConversationRef& /*conversation*/) { return only_listens(); }

Result<std::vector<AccessFinding>> ListeningClient::check_access() {
  return std::vector<AccessFinding>{
      {AccessFinding::Level::kGood, "only listened to: no replies are written"}};
}

}  // namespace deskwire::worker
