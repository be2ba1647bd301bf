#include "publishers/session_counts.h"

#include <algorithm>

namespace deskwire::publishers {

namespace {
constexpr std::size_t kFewAddresses = 1024;
}  // namespace

SessionCounts::SessionCounts(const config::Gateway& settings, Metrics& metrics)
    : settings_(settings),
      gauge_(metrics.gauge("deskwire_sessions", "Open WebSocket sessions")),
      forget_at_(kFewAddresses) {}

bool SessionCounts::admit(const std::string& address, MonotonicTime now) {
  const MutexLock lock(mutex_);
  if (by_address_.size() >= forget_at_) forget_idle(now);
  Address& here = by_address_
                      .try_emplace(address, Address{0, TokenBucket(settings_.connects_per_s,
                                                                   settings_.connects_burst, now)})
                      .first->second;
  if (!here.connects.take(now) || total_ >= settings_.max_sessions ||
      here.sessions >= settings_.max_sessions_per_address) {
    return false;
  }
  ++here.sessions;
  ++total_;
  gauge_.add(1);
  return true;
}

void SessionCounts::forget_idle(MonotonicTime now) {
  std::erase_if(by_address_, [now](const auto& entry) {
    return entry.second.sessions == 0 && entry.second.connects.full(now);
  });
  // Twice what is left, so that this is paid for by the connections in between.
  forget_at_ = std::max(kFewAddresses, 2 * by_address_.size());
}

void SessionCounts::release(const std::string& address) {
  const MutexLock lock(mutex_);
  --total_;
  gauge_.add(-1);
  --by_address_.at(address).sessions;
}

bool SessionCounts::admit_client(const std::string& client_id) {
  const MutexLock lock(mutex_);
  std::size_t& sessions = by_client_[client_id];
  if (sessions >= settings_.max_sessions_per_client) return false;
  ++sessions;
  return true;
}

void SessionCounts::release_client(const std::string& client_id) {
  const MutexLock lock(mutex_);
  const auto sessions = by_client_.find(client_id);
  if (--sessions->second == 0) by_client_.erase(sessions);
}

std::size_t SessionCounts::total() {
  const MutexLock lock(mutex_);
  return total_;
}

}  // namespace deskwire::publishers
