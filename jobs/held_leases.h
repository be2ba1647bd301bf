#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "core/clock.h"
#include "core/ids.h"
#include "jobs/job.h"
#include "jobs/job_store.h"

namespace deskwire::jobs {

/// The leases that this process holds, and when each has to be renewed: after a third of the time
/// for which it may be used. Those of jobs that take in more messages come with every round,
/// because the answer also tells whether they did.
///
/// Thread safety: none; the owner holds its lock.
class HeldLeases {
 public:
  /// @return When it has to be renewed.
  MonotonicTime add(const Lease& lease, MonotonicTime now);
  void remove(const JobId& id) { leases_.erase(id); }

  bool is_due(int shard, MonotonicTime now) const;
  /// Of all shards; far away when nothing is held.
  MonotonicTime first() const;
  /// The shard's leases to renew now, and what will be due soon, to spare a call. They are due
  /// again a third later, whatever becomes of this renewal.
  std::vector<Renewal> take_due(int shard, MonotonicTime now);
  /// What take_due gave for this shard at `asked_at` was renewed, but for the lost ones.
  void renewed(int shard, MonotonicTime asked_at, const std::vector<JobId>& lost);
  /// Forgets and returns those that were not renewed in time.
  std::vector<JobId> take_expired(MonotonicTime now);

 private:
  struct Held {
    int shard = 0;
    std::int64_t token = 0;
    std::size_t messages = 1;
    MonotonicTime::duration usable{};
    MonotonicTime::duration period{};  ///< Between renewals.
    MonotonicTime renew_at;
    MonotonicTime asked_at;  ///< Of the renewal under way.
    MonotonicTime deadline;
  };
  std::map<JobId, Held> leases_;
};

}  // namespace deskwire::jobs
