#include "worker/helpdesks/chatwoot_client.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/json.h"
#include "jobs/plain_content.h"
#include "worker/helpdesks/helpdesk_answer.h"
#include "worker/helpdesks/http_status.h"
#include "worker/helpdesks/liquid.h"
#include "worker/helpdesks/message_age.h"

namespace deskwire::worker {
namespace {

// Chatwoot answers 20 messages a page.
constexpr int kMaxPages = 10;
// Between our clock, which minted the source_id, and the helpdesk's, which dated the messages.
constexpr std::int64_t kClockSkewS = 600;

Result<std::string> path_of(const ConversationRef& conversation, std::string_view call) {
  const auto account = integer_id(conversation.account_id);
  const auto id = integer_id(conversation.conversation_id);
  if (!account || !id) {
    return fail(ErrorCode::kInvalid, "helpdesk conversation=" + conversation.key +
                                         ": the account and conversation ids are not integers");
  }
  return "/api/v1/accounts/" + std::to_string(*account) + "/conversations/" + std::to_string(*id) +
         "/" + std::string(call);
}

/// What one page of messages says about the one that is looked for.
struct Page {
  std::optional<std::string> found;
  std::size_t messages = 0;
  std::int64_t oldest_id = 0;
  std::int64_t oldest_created_s = 0;
};

Result<Page> read_page(const std::string& body, const std::string& source_id) {
  const auto json = parse_json(body);
  if (!json || !json->is_object()) return not_understood("GET messages");
  const auto payload = json->find("payload");
  if (payload == json->end() || !payload->is_array()) return not_understood("GET messages");
  Page page;
  page.messages = payload->size();
  for (const auto& message : *payload) {
    const auto id = integer_at(message, "id");
    if (!id) return not_understood("GET messages");
    if (string_at(message, "source_id") == source_id) page.found = std::to_string(*id);
    if (page.oldest_id == 0 || *id < page.oldest_id) {
      page.oldest_id = *id;
      page.oldest_created_s = integer_at(message, "created_at").value_or(0);
    }
  }
  return page;
}

Turn::Who who_wrote(const nlohmann::json& message) {
  constexpr std::int64_t kIncoming = 0;
  if (integer_at(message, "message_type") == kIncoming) return Turn::Who::kCustomer;
  const std::string type = string_at(message, "sender_type");
  const bool bot = type == "AgentBot" || type == "Captain::Assistant";
  return bot ? Turn::Who::kAssistant : Turn::Who::kAgent;
}

/// The public messages of one page of 20, oldest first.
Result<History> read_history(const std::string& body, std::size_t limit) {
  constexpr std::int64_t kActivity = 2;
  constexpr std::size_t kPage = 20;
  const auto json = parse_json(body);
  if (!json || !json->is_object()) return not_understood("GET messages");
  const auto payload = json->find("payload");
  if (payload == json->end() || !payload->is_array()) return not_understood("GET messages");
  std::map<std::int64_t, Turn> by_id;
  for (const auto& message : *payload) {
    const auto id = integer_at(message, "id");
    const bool hidden = bool_at(message, "private") || !id ||
                        integer_at(message, "message_type").value_or(kActivity) == kActivity;
    std::string text = jobs::plain_content(string_at(message, "content"));
    if (hidden || text.empty()) continue;
    by_id[*id] = {who_wrote(message), std::to_string(*id), std::move(text)};
  }
  History history{{}, payload->size() >= kPage || by_id.size() > limit};
  while (by_id.size() > limit) by_id.erase(by_id.begin());
  for (auto& [id, turn] : by_id) history.turns.push_back(std::move(turn));
  return history;
}

}  // namespace

ChatwootClient::ChatwootClient(const config::Source& source)
    : source_(source),
      http_({.base_url = source.base_url,
             .timeout = source.request_timeout,
             .max_response_bytes = 1U << 20U}) {}

void ChatwootClient::stop() { http_.stop(); }

Result<std::string> ChatwootClient::call(const std::string& method, const std::string& path,
                                         const std::string& body, const config::Secret& token) {
  auto response =
      http_.send({method, path, {{"api_access_token", std::string(token.reveal())}}, body});
  if (!response) return fail(std::move(response).error());
  return body_or_error(std::move(*response), method + " " + path.substr(path.rfind('/') + 1));
}

Result<std::string> ChatwootClient::create_message(const PostRequest& request) {
  const auto path = path_of(request.conversation, "messages");
  if (!path) return fail(path.error());
  // Incoming messages are not rendered as templates, and are the customer's own words.
  const bool incoming = request.author == MessageAuthor::kContact;
  const bool by_agent = request.author == MessageAuthor::kAgent;
  if (by_agent && source_.user_token.empty()) {
    return fail(ErrorCode::kUnsupported,
                "helpdesk POST messages: in an agent's name needs config sources[].user_token");
  }
  nlohmann::json body{{"content", incoming ? request.content : neutralise_liquid(request.content)},
                      {"message_type", incoming ? "incoming" : "outgoing"},
                      {"private", request.is_private},
                      {"content_type", "text"},
                      {"source_id", request.source_id}};
  if (const auto replied = integer_id(request.in_reply_to)) {
    body["content_attributes"] = {{"in_reply_to", *replied}};
  }
  auto answer =
      call("POST", *path, dump_json(body), by_agent ? source_.user_token : source_.bot_token);
  if (!answer) return answer;
  const auto json = parse_json(*answer);
  if (!json || !json->is_object()) return not_understood("POST messages");
  const auto id = id_at(*json, "id");
  if (!id || id->empty()) return not_understood("POST messages");
  return *id;
}

Status ChatwootClient::set_typing(const ConversationRef& conversation, bool on) {
  const auto path = path_of(conversation, "toggle_typing_status");
  if (!path) return fail(path.error());
  const nlohmann::json body{{"typing_status", on ? "on" : "off"}, {"is_private", false}};
  auto answer = call("POST", *path, dump_json(body), source_.bot_token);
  if (!answer) return fail(std::move(answer).error());
  return {};
}

Result<std::optional<std::string>> ChatwootClient::find_message(const ConversationRef& conversation,
                                                                const std::string& source_id,
                                                                const std::string& in_reply_to) {
  if (source_.user_token.empty()) {
    return fail(ErrorCode::kUnsupported,
                "helpdesk GET messages: bots may not read; set config sources[].user_token");
  }
  const auto path = path_of(conversation, "messages");
  if (!path) return fail(path.error());
  const std::int64_t minted_s = minted_at_ms(source_id) / 1000;
  // Chatwoot numbers all messages together, upwards: an answer comes after its question.
  const std::int64_t question_id = integer_id(in_reply_to).value_or(0);
  std::string query;
  for (int pages = 0; pages < kMaxPages; ++pages) {
    auto body = call("GET", *path + query, "", source_.user_token);
    if (!body) return fail(of_a_read(std::move(body).error()));
    const auto page = read_page(*body, source_id);
    if (!page) return fail(page.error());
    if (page->found) return page->found;
    const bool before_minted = page->oldest_created_s > 0 && minted_s > 0 &&
                               page->oldest_created_s < minted_s - kClockSkewS;
    const bool before_question = page->oldest_id <= question_id;
    if (page->messages == 0 || before_minted || before_question) return std::nullopt;
    query = "?before=" + std::to_string(page->oldest_id);
  }
  return fail(ErrorCode::kUnknownOutcome, "helpdesk GET messages: not among the newest " +
                                              std::to_string(kMaxPages) +
                                              " pages, which do not reach back far enough");
}

Status ChatwootClient::hand_off(const ConversationRef& conversation) {
  const auto path = path_of(conversation, "toggle_status");
  if (!path) return fail(path.error());
  auto answer = call("POST", *path, R"({"status":"open"})", source_.bot_token);
  if (!answer) return fail(std::move(answer).error());
  return {};
}

Status ChatwootClient::assign(const ConversationRef& conversation, const std::string& team_id,
                              const std::vector<std::string>& labels) {
  if (const auto team = integer_id(team_id)) {
    const auto path = path_of(conversation, "assignments");
    if (!path) return fail(path.error());
    auto answer = call("POST", *path, dump_json({{"team_id", *team}}), source_.bot_token);
    if (!answer) return fail(std::move(answer).error());
  }
  if (labels.empty()) return {};
  const auto path = path_of(conversation, "labels");
  if (!path) return fail(path.error());
  auto answer = call("POST", *path, dump_json({{"labels", labels}}), source_.bot_token);
  if (!answer) return fail(std::move(answer).error());
  return {};
}

Result<History> ChatwootClient::read_messages(const ConversationRef& conversation,
                                              const std::string& message_id, std::size_t limit) {
  if (source_.user_token.empty()) {
    return fail(ErrorCode::kUnsupported,
                "helpdesk GET messages: bots may not read; set config sources[].user_token");
  }
  const auto path = path_of(conversation, "messages");
  if (!path) return fail(path.error());
  const auto before = integer_id(message_id);
  const std::string query = before ? "?before=" + std::to_string(*before) : "";
  auto body = call("GET", *path + query, "", source_.user_token);
  if (!body) return fail(of_a_read(std::move(body).error()));
  return read_history(*body, limit);
}

Result<std::vector<AccessFinding>> ChatwootClient::check_access() {
  using Level = AccessFinding::Level;
  const auto account = integer_id(source_.account_id);
  if (!account) {
    return std::vector<AccessFinding>{
        {Level::kDoubtful, "tokens not checked: set config sources[].account_id to check them"}};
  }
  const std::string base = "/api/v1/accounts/" + std::to_string(*account) + "/conversations";
  std::vector<AccessFinding> findings;

  // No conversation has the id 0, so nothing is changed whatever the token may do.
  auto writing = http_.send({"POST",
                             base + "/0/toggle_typing_status",
                             {{"api_access_token", std::string(source_.bot_token.reveal())}},
                             R"({"typing_status":"off"})"});
  if (!writing) return fail(std::move(writing).error());
  const auto refusal = parse_json(writing->body);
  const bool only_typing_refused =  // Bots may not type before 4.12.
      refusal && string_at(*refusal, "error").find("for bots") != std::string::npos;
  if (writing->status == 404 || (writing->status >= 200 && writing->status < 300)) {
    findings.push_back({Level::kGood, "bot token: accepted"});
  } else if (only_typing_refused) {
    findings.push_back(
        {Level::kGood, "bot token: accepted, but this Chatwoot does not let bots show typing"});
  } else {
    findings.push_back({Level::kRefused, "bot token: refused with status " +
                                             std::to_string(writing->status) +
                                             "; replies cannot be posted"});
  }

  if (source_.user_token.empty()) {
    findings.push_back({Level::kGood,
                        "user token: none; a post with an unknown outcome cannot be looked up and "
                        "goes to a human"});
    return findings;
  }
  auto reading = call("GET", base, "", source_.user_token);
  if (reading) {
    findings.push_back({Level::kGood, "user token: can read conversations"});
  } else if (reading.error().code == ErrorCode::kUnauthorized ||
             reading.error().code == ErrorCode::kDenied ||
             reading.error().code == ErrorCode::kNotFound) {
    findings.push_back({Level::kRefused, "user token: refused (" + reading.error().message + ")"});
  } else {
    return fail(std::move(reading).error());
  }
  return findings;
}

}  // namespace deskwire::worker
