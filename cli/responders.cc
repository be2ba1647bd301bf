#include "cli/responders.h"

namespace deskwire::cli {

Responders::Responders(const config::Replies& replies, const Clock& clock, Metrics& metrics)
    : template_(replies.rules, replies.time_zone),
      chain_(replies, clock, metrics),
      sandbox_(chain_) {
  for (const std::string& name : replies.order()) {
    if (name == "openai") {
      openai_ = std::make_unique<worker::OpenAiResponder>(
          replies.openai, replies.context, static_cast<std::size_t>(replies.guards.max_characters));
      chain_.add(name, *openai_);
    } else if (name == "http") {
      service_ = std::make_unique<worker::ServiceResponder>(replies.http, clock);
      chain_.add(name, *service_);
    } else {
      chain_.add(name, template_);
    }
  }
}

void Responders::stop() {
  if (openai_) openai_->stop();
  if (service_) service_->stop();
}

}  // namespace deskwire::cli
