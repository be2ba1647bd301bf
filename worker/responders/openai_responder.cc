#include "worker/responders/openai_responder.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/json.h"
#include "worker/responders/completion_reader.h"
#include "worker/responders/prompt.h"
#include "worker/responders/refusal.h"

namespace deskwire::worker {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxBytesACharacter = 4;
constexpr std::size_t kIdleConnections = 256;

}  // namespace

std::string completions_url(const config::OpenAi& settings) {
  std::string url = settings.url;
  while (url.ends_with('/')) url.pop_back();
  if (url.ends_with("/chat/completions") || url.ends_with(settings.path)) return url;
  constexpr std::string_view kVersion = "/v1";
  const bool twice = url.ends_with(kVersion) && settings.path.starts_with("/v1/");
  return url + settings.path.substr(twice ? kVersion.size() : 0);
}

OpenAiResponder::OpenAiResponder(const config::OpenAi& settings,
                                 const config::ReplyContextLimits& limits,
                                 std::size_t max_characters)
    : settings_(settings),
      limits_(limits),
      max_bytes_(max_characters * kMaxBytesACharacter),
      http_({.base_url = origin_and_path(completions_url(settings)).first,
             .timeout = settings.timeout,
             .max_idle_connections = kIdleConnections,
             .peer = "model"}) {}

std::string OpenAiResponder::body_of(const ReplyContext& context,
                                     std::int64_t& prompt_tokens) const {
  json messages = json::array();
  for (PromptMessage& message : prompt_of(context, limits_)) {
    prompt_tokens += estimated_tokens(message.content);
    messages.push_back({{"role", message.role}, {"content", std::move(message.content)}});
  }
  json body{{"model", settings_.model},
            {"messages", std::move(messages)},
            {"temperature", settings_.temperature},
            {"max_tokens", settings_.max_tokens},
            {"stream", settings_.stream}};
  if (!settings_.stop.empty()) body["stop"] = settings_.stop;
  return dump_json(body);
}

Result<Answer> OpenAiResponder::reply(const ReplyContext& context, DraftSink& draft,
                                      Cancellation& cancellation) {
  if (!context.may_spend) {
    return fail(ErrorCode::kFull, "model: the budget of tokens is spent (replies.guards)");
  }
  const auto begun = std::chrono::steady_clock::now();
  Answer answer;
  answer.responder = "openai";
  HttpRequest request{"POST",
                      origin_and_path(completions_url(settings_)).second,
                      {},
                      body_of(context, answer.tokens)};
  if (settings_.stream) request.headers.emplace_back("Accept", "text/event-stream");
  if (!settings_.key.empty()) {
    request.headers.emplace_back("Authorization", "Bearer " + std::string(settings_.key.reveal()));
  }
  for (const auto& [name, value] : settings_.headers) {
    request.headers.emplace_back(name, std::string(value.reveal()));
  }

  draft.begin();
  CompletionReader reader(draft, max_bytes_);
  const StreamOptions options{
      // Without a stream the first of it is all of it.
      .begin_timeout = settings_.stream ? settings_.first_token_timeout : settings_.timeout,
      .timeout = settings_.timeout,
      .on_body =
          [&](std::string_view bytes) {
            if (!reader.add(bytes)) return StreamVerdict::kStop;
            if (!reader.has_begun()) return StreamVerdict::kWaiting;
            if (answer.first_token.count() == 0) {
              answer.first_token = std::chrono::duration_cast<Milliseconds>(
                  std::chrono::steady_clock::now() - begun + Milliseconds(1));
            }
            return StreamVerdict::kFlowing;
          },
      .on_abort =
          [&cancellation](std::function<void()> abort) {
            cancellation.when_cancelled(std::move(abort));
          }};
  const auto response = http_.stream(request, options);
  if (!response) return fail(of_a_question(response.error()));
  if (response->status < 200 || response->status > 299) {
    return fail(refusal(*response, "model"));
  }
  auto completion = reader.finish(true);
  if (!completion) return fail(std::move(completion.error()));
  const std::int64_t estimated = answer.tokens + estimated_tokens(completion->text);
  answer.tokens = completion->tokens > 0 ? completion->tokens : estimated;
  answer.text = std::move(completion->text);
  if (completion->wants_hand_off) answer.hand_off = "low_confidence";
  return answer;
}

}  // namespace deskwire::worker
