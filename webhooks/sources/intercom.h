#pragma once

#include "webhooks/source_parser.h"

namespace deskwire::webhooks {

/// Intercom's notifications of the topics `conversation.*`; others, its ping among them, have no
/// effect. Source: developers.intercom.com, "Webhook models", "Conversation model".
class IntercomParser final : public SourceParser {
 public:
  std::span<const std::string_view> schemes() const override;
  Result<jobs::HelpdeskEvent> parse(std::string_view body) const override;
};

}  // namespace deskwire::webhooks
