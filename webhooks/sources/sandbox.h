#pragma once

#include "webhooks/source_parser.h"

namespace deskwire::webhooks {

/// The generic source's JSON plus `simulate`: what the sandbox helpdesk shall play for this message
/// ("post": "fail", "think_ms": 3000). At most 16 entries of texts, numbers or booleans.
class SandboxParser final : public SourceParser {
 public:
  std::span<const std::string_view> schemes() const override;
  Result<jobs::HelpdeskEvent> parse(std::string_view body) const override;
};

}  // namespace deskwire::webhooks
