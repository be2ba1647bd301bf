#pragma once

#include <string>

#include "config/replies.h"
#include "worker/helpdesks/http_client.h"
#include "worker/responder.h"

namespace deskwire::worker {

/// Answers by a model behind any `/v1/chat/completions`. No tools are offered, and calls of tools
/// are no answer. With `stream` the answer is given on while it comes.
///
/// An answer that is longer than `max_characters` is no longer listened to; the reader of Answer
/// cuts it. One that is `[[handoff]]`, or that the vendor's filter ended, asks for people.
///
/// Blocks its thread for as long as the model writes; calls do not wait for one another.
///
/// @errors kTimeout: nothing, or not all, in time. kRateLimited: 429. kUnavailable: no connection,
///         5xx, dropped, or an answer that is none. kUnauthorized, kDenied, kNotFound, kInvalid:
///         other refusals. kCancelled.
class OpenAiResponder final : public Responder {
 public:
  OpenAiResponder(const config::OpenAi& settings, const config::ReplyContextLimits& limits,
                  std::size_t max_characters);
  Result<Answer> reply(const ReplyContext& context, DraftSink& draft,
                       Cancellation& cancellation) override;
  bool reads_history() const override { return true; }
  /// Ends calls in flight with kCancelled.
  void stop() { http_.stop(); }

 private:
  std::string body_of(const ReplyContext& context, std::int64_t& prompt_tokens) const;

  const config::OpenAi settings_;
  const config::ReplyContextLimits limits_;
  const std::size_t max_bytes_;
  HttpClient http_;
};

/// Where to send completions: `url` and `path`, without saying "/v1" or the path twice, because
/// vendors document their address in any of these forms.
std::string completions_url(const config::OpenAi& settings);

}  // namespace deskwire::worker
