#pragma once

#include "webhooks/source_parser.h"

namespace deskwire::webhooks {

/// Chatwoot's deliveries: account webhooks, inbox webhooks, agent bots, and the unsigned ones of
/// automations and macros (auth basic or url_token). Written against 4.14.2 and tolerant to older
/// ones; tests/fixtures/chatwoot has a payload of each shape.
/// Source: chatwoot app/listeners, lib/webhooks/trigger.rb, app/presenters/conversations.
class ChatwootParser final : public SourceParser {
 public:
  std::span<const std::string_view> schemes() const override;
  Result<jobs::HelpdeskEvent> parse(std::string_view body) const override;
};

}  // namespace deskwire::webhooks
