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

  struct Route {
    const config::Source* source = nullptr;  ///< Of this book; nullptr: nobody's address.
    std::string_view token;                  ///< Of `path`: what stands behind the source.
  };
  /// Whose address `/webhooks/{source}` or, for senders with a URL token,
  /// `/webhooks/{source}/{token}` is.
  Route route(std::string_view path) const;

  const std::vector<config::Source> sources;
  const std::int64_t signature_tolerance_s;
  const JobRules rules;
};

}  // namespace deskwire::webhooks
