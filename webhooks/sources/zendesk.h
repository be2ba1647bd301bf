#pragma once

#include "webhooks/source_parser.h"

namespace deskwire::webhooks {

/// Zendesk's event webhooks about tickets (`zen:event-type:ticket.*`). The first comment of a
/// ticket comes as ticket.comment_added like every other. Zendesk gives nothing of ours back, so
/// own posts are recognised by the comment's id. Source: developer.zendesk.com, "Webhook event
/// types", "Ticket events".
class ZendeskParser final : public SourceParser {
 public:
  std::span<const std::string_view> schemes() const override;
  Result<jobs::HelpdeskEvent> parse(std::string_view body) const override;
};

}  // namespace deskwire::webhooks
