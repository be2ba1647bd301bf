#include "worker/helpdesks/chatwoot_reader.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/json.h"
#include "worker/helpdesks/helpdesk_answer.h"
#include "worker/helpdesks/http_status.h"

namespace deskwire::worker {
namespace {

using nlohmann::json;

// 25 conversations or 20 messages a page. More than this in one look is an import, not an outage.
constexpr int kMaxConversationPages = 40;
constexpr int kMaxMessagePages = 25;
constexpr std::size_t kMaxResponseBytes = 8U << 20U;

/// The API numbers what webhooks name.
std::string_view message_type_of(const json& message) {
  constexpr std::array<std::string_view, 4> kTypes{"incoming", "outgoing", "activity", "template"};
  const std::int64_t type = integer_at(message, "message_type").value_or(-1);
  const bool known = type >= 0 && type < static_cast<std::int64_t>(kTypes.size());
  return known ? kTypes.at(static_cast<std::size_t>(type)) : std::string_view();
}

/// A conversation of the API as webhooks write it.
json webhook_conversation(const json& conversation, const json& account) {
  json made = conversation;
  made.erase("messages");
  made.erase("last_non_activity_message");
  made["channel"] = string_at(object_at(conversation, "meta"), "channel");
  made["account"] = account;
  return made;
}

/// A message of the API in the shape of its webhook.
std::string webhook_body(const json& conversation, const json& message, const json& account) {
  json body = message;
  body["event"] = "message_created";
  body["account"] = account;
  body["message_type"] = message_type_of(message);
  body["conversation"] = webhook_conversation(conversation, account);
  return dump_json(body);
}

/// Zero: as long as the client allows.
Result<Milliseconds> unhurried() { return Milliseconds(0); }

const json* list_at(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_array() ? &*found : nullptr;
}

}  // namespace

bool ChatwootReader::can_read(const config::Source& source) {
  return source.type == config::SourceType::kChatwoot && !source.account_id.empty() &&
         !source.base_url.empty() && !source.user_token.empty();
}

ChatwootReader::ChatwootReader(const config::Source& source)
    : source_(source),
      http_({.base_url = source.base_url,
             .timeout = source.request_timeout,
             .max_response_bytes = kMaxResponseBytes}) {}

Result<json> ChatwootReader::get(const std::string& path, const Patience& patience) {
  const auto account = integer_id(source_.account_id);
  if (!account) {
    return fail(ErrorCode::kInvalid,
                "helpdesk source=" + source_.name + ": account_id is not an integer");
  }
  const auto left = patience();
  if (!left) return fail(left.error());
  auto response = http_.send({"GET",
                              "/api/v1/accounts/" + std::to_string(*account) + path,
                              {{"api_access_token", std::string(source_.user_token.reveal())}},
                              "",
                              *left});
  if (!response) return fail(of_a_read(std::move(response).error()));
  auto body = body_or_error(std::move(*response), "GET " + path.substr(0, path.find('?')));
  if (!body) return fail(of_a_read(std::move(body).error()));
  auto answer = object_of(*body, "GET " + path.substr(0, path.find('?')));
  if (!answer) return fail(of_a_read(std::move(answer).error()));
  return answer;
}

Result<std::vector<json>> ChatwootReader::conversations_since(std::int64_t since_s) {
  std::vector<json> found;
  for (int page = 1; page <= kMaxConversationPages; ++page) {
    auto answer =
        get("/conversations?status=all&assignee_type=all&sort_by=last_activity_at_desc&page=" +
                std::to_string(page),
            unhurried);
    if (!answer) return fail(std::move(answer).error());
    const json* const list = list_at(object_at(*answer, "data"), "payload");
    if (list == nullptr) {
      return fail(ErrorCode::kUnavailable,
                  "helpdesk GET /conversations: status 2xx, but not the documented answer");
    }
    for (const json& conversation : *list) {
      if (integer_at(conversation, "last_activity_at").value_or(0) < since_s) return found;
      found.push_back(conversation);
    }
    if (list->empty()) return found;
  }
  return fail(ErrorCode::kTooLarge, "helpdesk GET /conversations: more than " +
                                        std::to_string(kMaxConversationPages) + " pages");
}

Status ChatwootReader::read_messages(const json& conversation, const Span& span,
                                     const Patience& patience, std::vector<std::string>& bodies) {
  const auto id = integer_at(conversation, "id");
  if (!id) return {};
  const json account{{"id", integer_id(source_.account_id).value_or(0)}};
  const std::string path = "/conversations/" + std::to_string(*id) + "/messages";
  std::vector<std::pair<std::int64_t, std::string>> found;  // By id.
  std::string query;
  for (int page = 0;; ++page) {
    if (page == kMaxMessagePages) {
      return fail(ErrorCode::kTooLarge, "helpdesk GET messages: more than " +
                                            std::to_string(kMaxMessagePages) + " pages");
    }
    const auto answer = get(path + query, patience);
    // Deleted since it was listed.
    if (!answer && answer.error().code == ErrorCode::kNotFound) return {};
    if (!answer) return fail(answer.error());
    const json* const list = list_at(*answer, "payload");
    if (list == nullptr || list->empty()) break;
    std::int64_t oldest_id = 0;
    bool reached = false;
    for (const json& message : *list) {
      const std::int64_t message_id = integer_at(message, "id").value_or(0);
      const std::int64_t created_s = integer_at(message, "created_at").value_or(0);
      if (message_id <= 0) continue;
      if (oldest_id == 0 || message_id < oldest_id) oldest_id = message_id;
      reached = reached || created_s < span.since_s;
      const bool wanted = created_s >= span.since_s && created_s < span.until_s &&
                          message_type_of(message) != "activity" &&
                          !message_type_of(message).empty();
      if (wanted) found.emplace_back(message_id, webhook_body(conversation, message, account));
    }
    if (reached || oldest_id == 0) break;
    query = "?before=" + std::to_string(oldest_id);
  }
  std::sort(found.begin(), found.end());
  for (auto& [message_id, body] : found) bodies.push_back(std::move(body));
  return {};
}

Result<std::vector<std::string>> ChatwootReader::messages_between(std::int64_t since_s,
                                                                  std::int64_t until_s) {
  const auto conversations = conversations_since(since_s);
  if (!conversations) return fail(conversations.error());
  std::vector<std::string> bodies;
  for (const json& conversation : *conversations) {
    if (auto read = read_messages(conversation, {since_s, until_s}, unhurried, bodies); !read) {
      return fail(std::move(read).error());
    }
  }
  return bodies;
}

Result<std::vector<std::string>> ChatwootReader::conversation(const Wanted& wanted) {
  const Patience patience = [&]() -> Result<Milliseconds> {
    const auto left = std::chrono::duration_cast<Milliseconds>(wanted.deadline -
                                                               std::chrono::steady_clock::now());
    if (left.count() > 0) return left;
    return fail(ErrorCode::kTimeout, "helpdesk GET conversation: not read whole in time");
  };
  const std::string id = std::to_string(wanted.conversation);
  auto found = get("/conversations/" + id, patience);
  if (!found) return fail(std::move(found).error());
  const std::string status = string_at(*found, "status");
  if (integer_at(*found, "id") != wanted.conversation || status.empty()) {
    return fail(ErrorCode::kUnavailable,
                "helpdesk GET conversation: status 2xx, but not the documented answer");
  }
  std::vector<std::string> bodies;
  const Span span{wanted.since_s, std::numeric_limits<std::int64_t>::max()};
  if (auto read = read_messages(*found, span, patience, bodies); !read) {
    return fail(std::move(read).error());
  }
  const json account{{"id", integer_id(source_.account_id).value_or(0)}};
  json body = webhook_conversation(*found, account);
  body["event"] =
      status == wanted.known_status ? "conversation_updated" : "conversation_status_changed";
  bodies.push_back(dump_json(body));
  return bodies;
}

}  // namespace deskwire::worker
