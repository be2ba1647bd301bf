#pragma once

#include <memory>

#include "config/replies.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "worker/responders/chain_responder.h"
#include "worker/responders/openai_responder.h"
#include "worker/responders/sandbox_responder.h"
#include "worker/responders/service_responder.h"
#include "worker/responders/template_responder.h"

namespace deskwire::cli {

/// Whoever writes answers, in the order of config replies.responder and replies.chain, behind the
/// sandbox's wish to see a slow one.
class Responders {
 public:
  Responders(const config::Replies& replies, const Clock& clock, Metrics& metrics);
  worker::Responder& first() { return sandbox_; }
  /// Ends calls in flight with kCancelled.
  void stop();

 private:
  worker::TemplateResponder template_;
  std::unique_ptr<worker::OpenAiResponder> openai_;
  std::unique_ptr<worker::ServiceResponder> service_;
  worker::ChainResponder chain_;
  worker::SandboxResponder sandbox_;
};

}  // namespace deskwire::cli
