#pragma once

#include "webhooks/source_parser.h"

namespace deskwire::webhooks {

/// Freshdesk's automation webhooks. Their body is what the rule's author writes; read are the
/// placeholders of the simple form (`freshdesk_webhook`) and an `event` beside or in it
/// (docs/helpdesks.md has a template for each rule). There are no ids of messages: one is made from
/// what the body says.
/// Source: support.freshdesk.com, "Using webhooks in automation rules".
class FreshdeskParser final : public SourceParser {
 public:
  std::span<const std::string_view> schemes() const override;
  Result<jobs::HelpdeskEvent> parse(std::string_view body) const override;
};

}  // namespace deskwire::webhooks
