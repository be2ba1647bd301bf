#include "worker/helpdesks/zammad_client.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "core/json.h"
#include "worker/helpdesks/helpdesk_answer.h"
#include "worker/helpdesks/http_status.h"

namespace deskwire::worker {
namespace {

using nlohmann::json;

// All articles of a ticket come at once, with their bodies.
constexpr std::size_t kMaxResponseBytes = 32U << 20U;
constexpr const char* kArticles = "/api/v1/ticket_articles";
/// The key in an article's preferences that holds our message id.
constexpr const char* kOurKey = "deskwire";

Result<std::int64_t> ticket_of(const ConversationRef& conversation) {
  const auto id = integer_id(conversation.conversation_id);
  if (id) return *id;
  return fail(ErrorCode::kInvalid,
              "helpdesk conversation=" + conversation.key + ": the ticket's id is no integer");
}

/// Kinds of articles that answer nobody by themselves.
bool is_kept_inside(const std::string& type) {
  return type.empty() || type == "note" || type == "web" || type == "phone" || type == "fax";
}

}  // namespace

ZammadClient::ZammadClient(const config::Source& source)
    : source_(source),
      http_({.base_url = source.base_url,
             .timeout = source.request_timeout,
             .max_response_bytes = kMaxResponseBytes}) {}

void ZammadClient::stop() { http_.stop(); }

Result<std::string> ZammadClient::call(const std::string& method, const std::string& path,
                                       const std::string& body) {
  auto response =
      http_.send({method,
                  path,
                  {{"Authorization", "Token token=" + std::string(source_.bot_token.reveal())}},
                  body});
  if (!response) return fail(std::move(response).error());
  return body_or_error(std::move(*response), method + " " + path.substr(0, path.rfind('/')));
}

/// The article to post, addressed as the one that it answers asks for.
Result<json> ZammadClient::draft_for(const PostRequest& request, std::int64_t ticket) {
  json draft{{"ticket_id", ticket},
             {"body", request.content},
             {"content_type", "text/plain"},
             {"type", "note"},
             {"sender", "Agent"},
             {"internal", request.is_private},
             {"preferences", {{kOurKey, request.source_id}}}};
  const auto question = integer_id(request.in_reply_to);
  if (!question || request.is_private) return draft;
  auto body = call("GET", std::string(kArticles) + "/" + std::to_string(*question), "");
  if (!body) {
    // Deleted meanwhile: the note is seen in the ticket at least.
    if (body.error().code == ErrorCode::kNotFound) return draft;
    return fail(of_a_read(std::move(body).error()));
  }
  const auto article = parse_json(*body);
  // Nothing was posted yet, so that nothing is unknown.
  if (!article || !article->is_object()) {
    return fail(ErrorCode::kUnavailable,
                "helpdesk GET ticket_articles: status 2xx, but not the documented answer");
  }
  const std::string type = string_at(*article, "type");
  if (is_kept_inside(type)) return draft;
  const std::string reply_to = string_at(*article, "reply_to");
  draft["type"] = type;
  draft["to"] = reply_to.empty() ? string_at(*article, "from") : reply_to;
  if (const std::string id = string_at(*article, "message_id"); !id.empty()) {
    draft["in_reply_to"] = id;
  }
  if (const std::string subject = string_at(*article, "subject"); !subject.empty()) {
    draft["subject"] = subject;
  }
  return draft;
}

Result<std::string> ZammadClient::create_message(const PostRequest& request) {
  if (request.author != MessageAuthor::kBot) return not_in_that_name();
  const auto ticket = ticket_of(request.conversation);
  if (!ticket) return fail(ticket.error());
  const auto draft = draft_for(request, *ticket);
  if (!draft) return fail(draft.error());
  auto answer = call("POST", kArticles, dump_json(*draft));
  if (!answer) return answer;
  const auto article = object_of(*answer, "POST ticket_articles");
  if (!article) return fail(article.error());
  const auto id = id_at(*article, "id");
  if (!id || id->empty()) return not_understood("POST ticket_articles");
  return *id;
}

Status ZammadClient::set_typing(const ConversationRef& /*conversation*/, bool /*on*/) { return {}; }

Result<std::optional<std::string>> ZammadClient::find_message(const ConversationRef& conversation,
                                                              const std::string& source_id,
                                                              const std::string& /*in_reply_to*/) {
  const auto ticket = ticket_of(conversation);
  if (!ticket) return fail(ticket.error());
  auto body = call("GET", std::string(kArticles) + "/by_ticket/" + std::to_string(*ticket), "");
  if (!body) return fail(of_a_read(std::move(body).error()));
  const auto articles = parse_json(*body, {.max_bytes = kMaxResponseBytes});
  if (!articles || !articles->is_array()) return not_understood("GET ticket_articles");
  for (const json& article : *articles) {
    if (string_at(object_at(article, "preferences"), kOurKey) != source_id) continue;
    const auto id = id_at(article, "id");
    if (!id || id->empty()) return not_understood("GET ticket_articles");
    return std::optional<std::string>(*id);
  }
  return std::nullopt;
}

Status ZammadClient::hand_off(const ConversationRef& conversation) {
  const auto ticket = ticket_of(conversation);
  if (!ticket) return fail(ticket.error());
  auto answer = call("PUT", "/api/v1/tickets/" + std::to_string(*ticket), R"({"state":"open"})");
  if (!answer) return fail(std::move(answer).error());
  return {};
}

Result<std::vector<AccessFinding>> ZammadClient::check_access() {
  using Level = AccessFinding::Level;
  auto body = call("GET", "/api/v1/users/me", "");
  if (body) {
    return std::vector<AccessFinding>{
        {Level::kGood, "bot token: accepted; it needs the permission ticket.agent"}};
  }
  const ErrorCode code = body.error().code;
  if (code != ErrorCode::kUnauthorized && code != ErrorCode::kDenied) {
    return fail(std::move(body).error());
  }
  return std::vector<AccessFinding>{
      {Level::kRefused, "bot token: refused (" + body.error().message + ")"}};
}

}  // namespace deskwire::worker
