#pragma once

#include "webhooks/source_parser.h"

namespace deskwire::webhooks {

/// Zammad's trigger and scheduler webhooks with the default payload: the ticket as it is now, and
/// the article where one was written. They do not say what changed, so a delivery without an
/// article tells the status. Source: admin-docs.zammad.org, "Webhook payload"; zammad
/// app/jobs/trigger_webhook_job.
class ZammadParser final : public SourceParser {
 public:
  std::span<const std::string_view> schemes() const override;
  Result<jobs::HelpdeskEvent> parse(std::string_view body) const override;
};

}  // namespace deskwire::webhooks
