#include "publishers/client_rates.h"

#include <algorithm>

namespace deskwire::publishers {

std::optional<Milliseconds> ClientRates::delay(const std::string& client_id, MonotonicTime now) {
  const MutexLock lock(mutex_);
  if (by_client_.size() >= forget_at_) {
    std::erase_if(by_client_, [now](const auto& entry) { return entry.second.full(now); });
    // Twice what is left, so that this is paid for by the clients in between.
    forget_at_ = std::max(kFewClients, 2 * by_client_.size());
  }
  TokenBucket& bucket =
      by_client_.try_emplace(client_id, settings_.publish_per_s, settings_.publish_burst, now)
          .first->second;
  if (bucket.take(now)) return std::nullopt;
  return bucket.delay();
}

}  // namespace deskwire::publishers
