#include "worker/helpdesks/generic_client.h"

#include <nlohmann/json.hpp>

#include "core/ids.h"
#include "core/json.h"
#include "worker/helpdesks/http_status.h"

namespace deskwire::worker {

GenericClient::GenericClient(const config::Source& source) : source_(source) {
  if (source_.base_url.empty()) return;
  http_ = std::make_unique<HttpClient>(HttpClient::Options{.base_url = source_.base_url,
                                                           .timeout = source_.request_timeout,
                                                           .max_response_bytes = 1U << 20U});
}

void GenericClient::stop() {
  stopped_ = true;
  if (http_) http_->stop();
}

Result<std::string> GenericClient::post(const std::string& body,
                                        const std::string& idempotency_key) {
  HttpRequest request{"POST", "", {}, body};
  if (!idempotency_key.empty()) request.headers.emplace_back("Idempotency-Key", idempotency_key);
  if (!source_.bot_token.empty()) {
    request.headers.emplace_back("Authorization",
                                 "Bearer " + std::string(source_.bot_token.reveal()));
  }
  auto response = http_->send(request);
  if (!response) return fail(std::move(response).error());
  return body_or_error(std::move(*response), "POST " + source_.name);
}

Result<std::string> GenericClient::create_message(const PostRequest& request) {
  if (stopped_) return fail(ErrorCode::kCancelled, "generic post: stopped");
  const std::string own_id = derived_id("generic-message", request.source_id);
  if (!http_) return own_id;
  const nlohmann::json body{{"type", request.is_private ? "note" : "reply"},
                            {"conversation", request.conversation.conversation_id},
                            {"content", request.content},
                            {"sourceId", request.source_id},
                            {"inReplyTo", request.in_reply_to}};
  auto answer = post(dump_json(body), request.source_id);
  if (!answer) return answer;
  const auto json = parse_json(*answer);
  if (!json || !json->is_object()) return own_id;
  return id_at(*json, "id").value_or(own_id);
}

Status GenericClient::set_typing(const ConversationRef& /*conversation*/, bool /*on*/) {
  return {};
}

Result<std::optional<std::string>> GenericClient::find_message(
    const ConversationRef& /*conversation*/, const std::string& /*source_id*/,
    const std::string& /*in_reply_to*/) {
  if (!http_) return std::nullopt;
  return fail(ErrorCode::kUnsupported, "generic source=" + source_.name + ": cannot be read");
}

Status GenericClient::hand_off(const ConversationRef& conversation) {
  if (!http_) return {};
  const nlohmann::json body{{"type", "handoff"}, {"conversation", conversation.conversation_id}};
  auto answer = post(dump_json(body), "");
  if (!answer) return fail(std::move(answer).error());
  return {};
}

Result<std::vector<AccessFinding>> GenericClient::check_access() {
  using Level = AccessFinding::Level;
  if (http_) return std::vector<AccessFinding>{{Level::kGood, "posts to base_url; not probed"}};
  return std::vector<AccessFinding>{{Level::kGood, "no base_url: replies stay on the channel"}};
}

}  // namespace deskwire::worker
