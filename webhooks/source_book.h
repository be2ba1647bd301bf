#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "webhooks/understood_delivery.h"

namespace deskwire::webhooks {

/// What of the config decides about a delivery: whose secrets, how old, what becomes of it. It
/// never changes; a reload makes another one, and deliveries on their way keep theirs.
///
/// Thread safety: every method may be called concurrently.
struct SourceBook {
  explicit SourceBook(const config::Config& config);
  /// Nullptr: no such source.
  const config::Source* find(std::string_view name) const;

  const std::vector<config::Source> sources;
  const std::int64_t signature_tolerance_s;
  const JobRules rules;
};

}  // namespace deskwire::webhooks
