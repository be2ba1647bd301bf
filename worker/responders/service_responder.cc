#include "worker/responders/service_responder.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/hash.h"
#include "core/ids.h"
#include "core/json.h"
#include "worker/responders/refusal.h"

namespace deskwire::worker {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxAnswerBytes = 1U << 20U;
constexpr std::size_t kMaxSuggestions = 10;
constexpr std::size_t kIdleConnections = 64;
constexpr std::string_view kSecretPrefix = "whsec_";

/// "whsec_…" holds the key in base64; anything else is the key itself.
std::string signing_key(std::string_view secret) {
  if (!secret.starts_with(kSecretPrefix)) return std::string(secret);
  const std::string_view encoded = secret.substr(kSecretPrefix.size());
  return base64_decode(encoded).value_or(std::string(encoded));
}

/// Source: standardwebhooks.com, specification, "Signature scheme".
std::string signature(std::string_view secret, const std::string& id, const std::string& time_s,
                      const std::string& body) {
  return "v1," + base64_encode(hmac(HashAlgorithm::kSha256, signing_key(secret),
                                    id + "." + time_s + "." + body));
}

const char* role_of(Turn::Who who) {
  if (who == Turn::Who::kCustomer) return "customer";
  return who == Turn::Who::kAssistant ? "assistant" : "agent";
}

std::string body_of(const ReplyContext& context) {
  json history = json::array();
  for (const Turn& turn : context.turns) {
    history.push_back({{"role", role_of(turn.who)}, {"content", turn.text}});
  }
  return dump_json(
      {{"type", "reply.requested"},
       {"conversation", context.conversation},
       {"source", context.source},
       {"inbox", context.inbox},
       {"persona", context.persona},
       {"language", context.language},
       {"message", {{"content", context.content}, {"attachments", context.attachments}}},
       {"contact", {{"name", context.contact_name}, {"attributes", context.attributes}}},
       {"labels", context.labels},
       {"history", std::move(history)},
       {"timestamp", context.now_ms}});
}

void read_suggestions(const json& root, Answer& answer) {
  const auto list = root.find("suggestions");
  if (list == root.end() || !list->is_array()) return;
  for (const json& item : *list) {
    if (!item.is_string() || answer.suggestions.size() == kMaxSuggestions) continue;
    answer.suggestions.push_back(item.get<std::string>());
  }
}

/// `handOff` is true or a reason of one's own; the reason is for the note.
std::string hand_off_of(const json& root) {
  const auto found = root.find("handOff");
  const bool wanted = found != root.end() &&
                      ((found->is_boolean() && found->get<bool>()) ||
                       (found->is_string() && !found->get_ref<const std::string&>().empty()));
  return wanted ? "responder_asked" : "";
}

Result<Answer> read_answer(const std::string& body) {
  const auto root = parse_json(body);
  if (!root || !root->is_object()) {
    return fail(ErrorCode::kUnavailable, "reply service: its answer is no JSON object");
  }
  Answer answer;
  answer.responder = "http";
  answer.text = string_at(*root, "content");
  answer.hand_off = hand_off_of(*root);
  const auto confidence = root->find("confidence");
  if (confidence != root->end() && confidence->is_number()) {
    answer.confidence = std::clamp(confidence->get<double>(), 0.0, 1.0);
  }
  read_suggestions(*root, answer);
  if (answer.text.empty() && answer.hand_off.empty()) {
    return fail(ErrorCode::kUnavailable, "reply service: its answer has no content");
  }
  return answer;
}

}  // namespace

ServiceResponder::ServiceResponder(const config::ReplyService& settings, const Clock& clock)
    : settings_(settings),
      clock_(clock),
      path_(origin_and_path(settings.url).second),
      http_({.base_url = origin_and_path(settings.url).first,
             .timeout = settings.timeout,
             .max_response_bytes = kMaxAnswerBytes,
             .max_idle_connections = kIdleConnections,
             .peer = "reply service"}) {}

Result<Answer> ServiceResponder::reply(const ReplyContext& context, DraftSink& draft,
                                       Cancellation& cancellation) {
  draft.begin();
  const std::int64_t now_ms = clock_.wall_ms();
  const std::string id = "msg_" + new_ulid(now_ms);
  const std::string time_s = std::to_string(now_ms / 1000);
  HttpRequest request{"POST", path_, {}, body_of(context)};
  request.headers = {
      {"webhook-id", id},
      {"webhook-timestamp", time_s},
      {"webhook-signature", signature(settings_.secret.reveal(), id, time_s, request.body)}};
  for (const auto& [name, value] : settings_.headers) {
    request.headers.emplace_back(name, std::string(value.reveal()));
  }
  std::string body;
  const StreamOptions options{.begin_timeout = settings_.timeout,
                              .timeout = settings_.timeout,
                              .on_body =
                                  [&body](std::string_view bytes) {
                                    body += bytes;
                                    return body.size() > kMaxAnswerBytes ? StreamVerdict::kStop
                                                                         : StreamVerdict::kWaiting;
                                  },
                              .on_abort =
                                  [&cancellation](std::function<void()> abort) {
                                    cancellation.when_cancelled(std::move(abort));
                                  }};
  const auto response = http_.stream(request, options);
  if (!response) return fail(of_a_question(response.error()));
  if (response->status < 200 || response->status > 299) {
    return fail(refusal(*response, "reply service"));
  }
  return read_answer(body);
}

}  // namespace deskwire::worker
