#include "jobs/held_leases.h"

#include <algorithm>

#include "core/channel.h"

namespace deskwire::jobs {
namespace {

constexpr Milliseconds kLookPeriod{1000};

}  // namespace

MonotonicTime HeldLeases::add(const Lease& lease, MonotonicTime now) {
  Held held;
  held.shard = shard_of_lane(lease.lane);
  held.token = lease.token;
  // What is left of a fresh lease is what a renewal will give again.
  held.usable = std::max<MonotonicTime::duration>(lease.local_deadline - now, Milliseconds{3});
  held.period = held.usable / 3;
  if (lease.takes_more) held.period = std::min<MonotonicTime::duration>(held.period, kLookPeriod);
  held.messages = lease.messages();
  held.renew_at = now + held.period;
  held.deadline = lease.local_deadline;
  leases_.insert_or_assign(lease.id, held);
  return held.renew_at;
}

bool HeldLeases::is_due(int shard, MonotonicTime now) const {
  return std::any_of(leases_.begin(), leases_.end(), [&](const auto& entry) {
    return entry.second.shard == shard && entry.second.renew_at <= now;
  });
}

MonotonicTime HeldLeases::first() const {
  MonotonicTime earliest = MonotonicTime::max();
  for (const auto& [id, held] : leases_) earliest = std::min(earliest, held.renew_at);
  return earliest;
}

std::vector<Renewal> HeldLeases::take_due(int shard, MonotonicTime now) {
  std::vector<Renewal> due;
  for (auto& [id, held] : leases_) {
    if (held.shard != shard || held.renew_at > now + held.period / 2) continue;
    due.push_back({id, held.token, held.messages});
    held.asked_at = now;
    held.renew_at = now + held.period;
  }
  return due;
}

void HeldLeases::renewed(int shard, MonotonicTime asked_at, const std::vector<JobId>& lost) {
  for (const JobId& id : lost) leases_.erase(id);
  for (auto& [id, held] : leases_) {
    if (held.shard == shard && held.asked_at == asked_at) held.deadline = asked_at + held.usable;
  }
}

std::vector<JobId> HeldLeases::take_expired(MonotonicTime now) {
  std::vector<JobId> expired;
  for (auto it = leases_.begin(); it != leases_.end();) {
    if (it->second.deadline <= now) {
      expired.push_back(it->first);
      it = leases_.erase(it);
    } else {
      ++it;
    }
  }
  return expired;
}

}  // namespace deskwire::jobs
