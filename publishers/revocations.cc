#include "publishers/revocations.h"

#include <algorithm>

namespace deskwire::publishers {

void Revocations::join(Entry& entry, const Entry& more) {
  entry.issued_until_ms = std::max(entry.issued_until_ms, more.issued_until_ms);
  entry.kept_until_ms = std::max(entry.kept_until_ms, more.kept_until_ms);
}

void Revocations::add(const std::string& client_id, std::int64_t issued_until_ms,
                      std::int64_t kept_until_ms) {
  const MutexLock lock(mutex_);
  join(client_id.empty() ? everyone_ : clients_[client_id], {issued_until_ms, kept_until_ms});
}

bool Revocations::covers(const std::string& client_id, std::int64_t issued_ms) const {
  const MutexLock lock(mutex_);
  // An entry that was never made has 0 in both, and covers nothing.
  if (everyone_.kept_until_ms > 0 && issued_ms <= everyone_.issued_until_ms) return true;
  const auto client = clients_.find(client_id);
  return client != clients_.end() && issued_ms <= client->second.issued_until_ms;
}

void Revocations::forget_older(std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  if (everyone_.kept_until_ms <= now_ms) everyone_ = {};
  std::erase_if(clients_, [&](const auto& one) { return one.second.kept_until_ms <= now_ms; });
}

void Revocations::clear() {
  const MutexLock lock(mutex_);
  everyone_ = {};
  clients_.clear();
}

}  // namespace deskwire::publishers
