#include "worker/helpdesks/sandbox_client.h"

#include "core/ids.h"

namespace deskwire::worker {

Result<std::string> SandboxClient::create_message(const PostRequest& request) {
  if (stopped_) return fail(ErrorCode::kCancelled, "sandbox post: stopped");
  const auto post = request.simulate.find("post");
  const std::string asked = post == request.simulate.end() ? "" : post->second;
  if (asked == "fail") {
    return fail(ErrorCode::kInvalid, "the sandbox was asked to refuse this post");
  }
  if (asked == "fail_once" && request.attempt <= 1) {
    return fail(ErrorCode::kUnavailable, "the sandbox was asked to fail this post once");
  }
  return derived_id("sandbox-message", request.source_id);
}

Status SandboxClient::set_typing(const ConversationRef& /*conversation*/, bool /*on*/) {
  return {};
}

Result<std::optional<std::string>> SandboxClient::find_message(
    const ConversationRef& /*conversation*/, const std::string& /*source_id*/,
    const std::string& /*in_reply_to*/) {
  return std::nullopt;
}

Status SandboxClient::hand_off(const ConversationRef& /*conversation*/) { return {}; }

Result<std::vector<AccessFinding>> SandboxClient::check_access() {
  return std::vector<AccessFinding>{{AccessFinding::Level::kGood, "no helpdesk behind it"}};
}

}  // namespace deskwire::worker
