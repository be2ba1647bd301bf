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
  Address& here = known(address, now);
  if (!here.connects.take(now) || !has_room(here)) return false;
  ++here.sessions;
  ++total_;
  gauge_.add(1);
  return true;
}

SessionCounts::Address& SessionCounts::known(const std::string& address, MonotonicTime now) {
  if (by_address_.size() >= forget_at_) forget_idle(now);
  return by_address_
      .try_emplace(address,
                   Address{0, TokenBucket(settings_.connects_per_s, settings_.connects_burst, now)})
      .first->second;
}

bool SessionCounts::has_room(const Address& here) const {
  return total_ + seats_ < settings_.max_sessions &&
         here.sessions < settings_.max_sessions_per_address;
}

std::shared_ptr<void> SessionCounts::seat(const std::string& address, const std::string& client_id,
                                          MonotonicTime now) {
  if (!client_id.empty() && !admit_client(client_id)) return nullptr;
  {
    const MutexLock lock(mutex_);
    Address& here = known(address, now);
    if (has_room(here)) {
      ++here.sessions;
      ++seats_;
      return {this, [address, client_id](SessionCounts* counts) {
                counts->leave(address);
                if (!client_id.empty()) counts->release_client(client_id);
              }};
    }
  }
  if (!client_id.empty()) release_client(client_id);
  return nullptr;
}

void SessionCounts::leave(const std::string& address) {
  const MutexLock lock(mutex_);
  --seats_;
  --by_address_.at(address).sessions;
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
