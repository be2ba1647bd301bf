#pragma once

#include <string>

#include "config/replies.h"
#include "core/clock.h"
#include "worker/helpdesks/http_client.h"
#include "worker/responder.h"

namespace deskwire::worker {

/// Asks your own service (config replies.http): a POST signed by Standard Webhooks, whose answer is
/// `{"content", "confidence"?, "handOff"?, "suggestions"?}`; docs/replies.md has both bodies.
///
/// @errors as OpenAiResponder; kUnavailable also for an answer of another shape.
class ServiceResponder final : public Responder {
 public:
  ServiceResponder(const config::ReplyService& settings, const Clock& clock);
  Result<Answer> reply(const ReplyContext& context, DraftSink& draft,
                       Cancellation& cancellation) override;
  bool reads_history() const override { return true; }
  void stop() { http_.stop(); }

 private:
  const config::ReplyService settings_;
  const Clock& clock_;
  const std::string path_;
  HttpClient http_;
};

}  // namespace deskwire::worker
