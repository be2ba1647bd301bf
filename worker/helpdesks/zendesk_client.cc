#include "worker/helpdesks/zendesk_client.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "core/hash.h"
#include "core/json.h"
#include "worker/helpdesks/helpdesk_answer.h"
#include "worker/helpdesks/http_status.h"

namespace deskwire::worker {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxResponseBytes = 8U << 20U;
constexpr int kMaxPages = 10;
constexpr const char* kPageOfHundred = "?page%5Bsize%5D=100";
/// The key in an update's metadata that holds our message id.
constexpr const char* kOurKey = "deskwire";

Result<std::string> path_of(const ConversationRef& conversation, std::string_view rest) {
  if (const auto id = integer_id(conversation.conversation_id)) {
    return "/api/v2/tickets/" + std::to_string(*id) + std::string(rest);
  }
  return fail(ErrorCode::kInvalid,
              "helpdesk conversation=" + conversation.key + ": the ticket's id is no integer");
}

std::string authorization(std::string_view token) {
  if (token.find(':') == std::string_view::npos) return "Bearer " + std::string(token);
  return "Basic " + base64_encode(token);
}

/// The id of the comment that an audit is about; empty when it is about none.
std::string comment_of(const json& audit) {
  const auto events = audit.find("events");
  if (events == audit.end() || !events->is_array()) return {};
  for (const json& event : *events) {
    if (string_at(event, "type") == "Comment") return id_at(event, "id").value_or("");
  }
  return {};
}

/// Letters, digits and the few other characters of a cursor; anything else is no cursor.
bool is_cursor(const std::string& text) {
  return !text.empty() && text.size() <= 512 &&
         text.find_first_not_of(
             "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=") ==
             std::string::npos;
}

}  // namespace

ZendeskClient::ZendeskClient(const config::Source& source)
    : source_(source),
      http_({.base_url = source.base_url,
             .timeout = source.request_timeout,
             .max_response_bytes = kMaxResponseBytes}) {}

void ZendeskClient::stop() { http_.stop(); }

Result<std::string> ZendeskClient::call(const std::string& method, const std::string& path,
                                        const std::string& body) {
  auto response = http_.send(
      {method, path, {{"Authorization", authorization(source_.bot_token.reveal())}}, body});
  if (!response) return fail(std::move(response).error());
  if (response->status == 409) {
    return fail(ErrorCode::kUnavailable,
                "helpdesk " + method + " ticket: status 409; another update came first");
  }
  return body_or_error(std::move(*response), method + " " + path.substr(0, path.find('?')));
}

Result<std::string> ZendeskClient::create_message(const PostRequest& request) {
  if (request.author != MessageAuthor::kBot) return not_in_that_name();
  const auto path = path_of(request.conversation, ".json");
  if (!path) return fail(path.error());
  const json update{{"ticket",
                     {{"comment", {{"body", request.content}, {"public", !request.is_private}}},
                      {"metadata", {{kOurKey, request.source_id}}}}}};
  auto answer = call("PUT", *path, dump_json(update));
  if (!answer) return answer;
  const auto updated = object_of(*answer, "PUT ticket");
  if (!updated) return fail(updated.error());
  std::string comment = comment_of(object_at(*updated, "audit"));
  if (comment.empty()) return not_understood("PUT ticket");
  return comment;
}

Status ZendeskClient::set_typing(const ConversationRef& /*conversation*/, bool /*on*/) {
  return {};
}

Result<std::optional<std::string>> ZendeskClient::find_message(const ConversationRef& conversation,
                                                               const std::string& source_id,
                                                               const std::string& /*in_reply_to*/) {
  const auto path = path_of(conversation, "/audits.json");
  if (!path) return fail(path.error());
  std::string query = kPageOfHundred;
  for (int pages = 0; pages < kMaxPages; ++pages) {
    auto body = call("GET", *path + query, "");
    if (!body) return fail(of_a_read(std::move(body).error()));
    const auto page = object_of(*body, "GET audits");
    if (!page) return fail(page.error());
    const auto audits = page->find("audits");
    if (audits == page->end() || !audits->is_array()) return not_understood("GET audits");
    for (const json& audit : *audits) {
      const json& custom = object_at(object_at(audit, "metadata"), "custom");
      if (string_at(custom, kOurKey) != source_id) continue;
      std::string comment = comment_of(audit);
      if (comment.empty()) return not_understood("GET audits");
      return std::optional<std::string>(std::move(comment));
    }
    const json& meta = object_at(*page, "meta");
    if (!bool_at(meta, "has_more")) return std::nullopt;
    const std::string cursor = string_at(meta, "after_cursor");
    if (!is_cursor(cursor)) return not_understood("GET audits");
    query = std::string(kPageOfHundred) + "&page%5Bafter%5D=" + cursor;
  }
  return fail(ErrorCode::kUnknownOutcome, "helpdesk GET audits: not on the first " +
                                              std::to_string(kMaxPages) +
                                              " pages, and there are more");
}

Status ZendeskClient::hand_off(const ConversationRef& conversation) {
  const auto path = path_of(conversation, ".json");
  if (!path) return fail(path.error());
  auto answer = call("PUT", *path, R"({"ticket":{"status":"open"}})");
  if (!answer) return fail(std::move(answer).error());
  return {};
}

Result<std::vector<AccessFinding>> ZendeskClient::check_access() {
  using Level = AccessFinding::Level;
  auto body = call("GET", "/api/v2/users/me.json", "");
  if (body) {
    // Zendesk answers strangers with 200 and an anonymous end user.
    const auto me = parse_json(*body);
    const std::string role = me ? string_at(object_at(*me, "user"), "role") : std::string();
    if (role == "agent" || role == "admin") {
      return std::vector<AccessFinding>{{Level::kGood, "bot token: accepted, role " + role}};
    }
    return std::vector<AccessFinding>{
        {Level::kRefused, "bot token: is no agent's; replies cannot be posted"}};
  }
  const ErrorCode code = body.error().code;
  if (code != ErrorCode::kUnauthorized && code != ErrorCode::kDenied) {
    return fail(std::move(body).error());
  }
  return std::vector<AccessFinding>{
      {Level::kRefused, "bot token: refused (" + body.error().message + ")"}};
}

}  // namespace deskwire::worker
