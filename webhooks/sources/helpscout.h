#pragma once

#include "webhooks/source_parser.h"

namespace deskwire::webhooks {

/// Help Scout's `convo.*` webhooks: the whole conversation with its threads; what happened stands
/// in a header. Source: developer.helpscout.com, "Webhooks", "Get Conversation", "List Threads".
class HelpScoutParser final : public SourceParser {
 public:
  std::span<const std::string_view> schemes() const override;
  std::string_view event_header() const override { return "X-HelpScout-Event"; }
  Result<jobs::HelpdeskEvent> parse(std::string_view body) const override;
};

}  // namespace deskwire::webhooks
