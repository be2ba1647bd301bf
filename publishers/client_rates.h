#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>

#include "config/config.h"
#include "core/clock.h"
#include "core/mutex.h"
#include "publishers/token_bucket.h"

namespace deskwire::publishers {

/// How fast each client publishes by REST, whichever of this process's connections it uses (config
/// gateway.limits.publish_per_s and publish_burst). Thread-safe.
class ClientRates {
 public:
  /// @param settings  Outlive this.
  explicit ClientRates(const config::Gateway& settings) : settings_(settings) {}

  /// nullopt: it may, and that is counted. Else how long until it may.
  std::optional<Milliseconds> delay(const std::string& client_id, MonotonicTime now);

 private:
  static constexpr std::size_t kFewClients = 1024;

  const config::Gateway& settings_;
  Mutex mutex_;
  std::unordered_map<std::string, TokenBucket> by_client_ DW_GUARDED_BY(mutex_);
  std::size_t forget_at_ DW_GUARDED_BY(mutex_) = kFewClients;  ///< Clients until idle ones go.
};

}  // namespace deskwire::publishers
