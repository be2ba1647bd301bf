#pragma once

#include "webhooks/source_parser.h"

namespace deskwire::webhooks {

/// Front's application webhooks (an event inside an envelope) and rule webhooks (the bare event).
/// Source: dev.frontapp.com, "Application webhooks", "Rule webhooks", reference "Events".
class FrontParser final : public SourceParser {
 public:
  std::span<const std::string_view> schemes() const override;
  Result<jobs::HelpdeskEvent> parse(std::string_view body) const override;
};

}  // namespace deskwire::webhooks
