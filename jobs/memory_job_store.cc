#include "jobs/memory_job_store.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/channel.h"
#include "core/ids.h"
#include "core/mutex.h"
#include "jobs/memory_job_shard.h"
#include "jobs/store_rules.h"

namespace deskwire::jobs {

struct MemoryJobStore::Impl {
  Impl(const Clock& clock_in, LaneLimits limits_in) : clock(clock_in), limits(limits_in) {
    for (int shard = 0; shard < kShardCount; ++shard) {
      shards.push_back(std::make_unique<MemoryJobShard>(shard, limits, log));
    }
  }

  MemoryJobShard& shard_at(int shard) const DW_REQUIRES(mutex) {
    return *shards[static_cast<std::size_t>(shard)];
  }
  MemoryJobShard& of_lane(const std::string& lane) const DW_REQUIRES(mutex) {
    return shard_at(shard_of_lane(lane));
  }
  /// The shards that a halt concerns.
  std::vector<MemoryJobShard*> of_target(const HaltTarget& target) const DW_REQUIRES(mutex) {
    if (target.scope == HaltScope::kConversation || target.scope == HaltScope::kParked) {
      return {&of_lane(target.name)};
    }
    std::vector<MemoryJobShard*> all;
    for (const auto& shard : shards) all.push_back(shard.get());
    return all;
  }
  void note(AuditEntry entry) DW_REQUIRES(mutex) {
    entry.at_ms = clock.wall_ms();
    audit.push_back(std::move(entry));
  }
  void note(const char* verb, const HaltTarget& target, const Operator& by) DW_REQUIRES(mutex) {
    note({0, verb, std::string(about_of(target.scope)), target.name, {}, {}, false, by});
  }

  const Clock& clock;
  const LaneLimits limits;
  mutable Mutex mutex;
  MemoryEventLog log DW_GUARDED_BY(mutex);
  std::vector<AuditEntry> audit DW_GUARDED_BY(mutex);
  std::vector<std::unique_ptr<MemoryJobShard>> shards DW_GUARDED_BY(mutex);
};

MemoryJobStore::MemoryJobStore(const Clock& clock, LaneLimits limits)
    : impl_(std::make_unique<Impl>(clock, limits)) {}

MemoryJobStore::~MemoryJobStore() = default;

void MemoryJobStore::enqueue_async(EnqueueRequest request,
                                   std::function<void(Result<EnqueueResult>)> done) {
  done(enqueue(request));
}

Result<EnqueueResult> MemoryJobStore::enqueue(const EnqueueRequest& request) {
  if (Status checked = check_enqueue(request, impl_->limits); !checked) {
    return deskwire::fail(std::move(checked).error());
  }
  MutexLock lock(impl_->mutex);
  return impl_->of_lane(request.lane).enqueue(request, impl_->clock.wall_ms());
}

Result<StepResult> MemoryJobStore::step(const StepRequest& request) {
  if (Status checked = check_step(request); !checked) {
    return deskwire::fail(std::move(checked).error());
  }
  const MonotonicTime asked_at = impl_->clock.monotonic();
  MutexLock lock(impl_->mutex);
  Result<StepResult> result = impl_->shard_at(request.shard).step(request, impl_->clock.wall_ms());
  if (result) {
    for (Lease& lease : result->leases) {
      lease.local_deadline = asked_at + usable_lease(impl_->limits.lease);
    }
  }
  return result;
}

Result<Intent> MemoryJobStore::intend(const Lease& lease, const std::string& effect,
                                      const std::string& reply, const std::vector<Event>& events,
                                      const Event& unfinished) {
  MutexLock lock(impl_->mutex);
  return impl_->of_lane(lease.lane)
      .intend(lease, effect, reply, events, unfinished, impl_->clock.wall_ms());
}

Result<FailResult> MemoryJobStore::fail(const FailRequest& request) {
  MutexLock lock(impl_->mutex);
  return impl_->of_lane(request.lease.lane).fail(request, impl_->clock.wall_ms());
}

Result<BeatResult> MemoryJobStore::beat(const BeatRequest& request) {
  if (Status checked = check_shard(request.shard); !checked) {
    return deskwire::fail(std::move(checked).error());
  }
  MutexLock lock(impl_->mutex);
  return impl_->shard_at(request.shard).beat(request, impl_->clock.wall_ms());
}

Status MemoryJobStore::release(const Lease& lease) {
  MutexLock lock(impl_->mutex);
  return impl_->of_lane(lease.lane).release(lease, impl_->clock.wall_ms());
}

Result<ConversationState> MemoryJobStore::conversation(const std::string& lane) {
  MutexLock lock(impl_->mutex);
  return impl_->of_lane(lane).conversation(lane);
}

Result<std::string> MemoryJobStore::mapped_message(const std::string& lane,
                                                   const std::string& helpdesk_id) {
  MutexLock lock(impl_->mutex);
  return impl_->of_lane(lane).mapped_message(lane, helpdesk_id);
}

void MemoryJobStore::mapped_message_async(std::string lane, std::string helpdesk_id,
                                          std::function<void(Result<std::string>)> done) {
  done(mapped_message(lane, helpdesk_id));
}

Result<Job> MemoryJobStore::get(const JobId& id) {
  const Result<int> shard = shard_of_job(id);
  if (!shard) return no_such_job(id);
  MutexLock lock(impl_->mutex);
  return impl_->shard_at(*shard).get(id);
}

Result<std::vector<Job>> MemoryJobStore::list(const JobFilter& filter) {
  std::vector<Job> jobs;
  MutexLock lock(impl_->mutex);
  for (const auto& shard : impl_->shards) shard->list(filter, jobs);
  sort_newest_first(jobs, filter.limit);
  return jobs;
}

Result<JobCounts> MemoryJobStore::counts() {
  JobCounts counts = no_jobs();
  MutexLock lock(impl_->mutex);
  for (const auto& shard : impl_->shards) shard->count(counts);
  return counts;
}

Result<KindCounts> MemoryJobStore::counts_by_kind() {
  KindCounts kinds;
  MutexLock lock(impl_->mutex);
  for (const auto& shard : impl_->shards) shard->count(kinds);
  return kinds;
}

Status MemoryJobStore::retry_now(const JobId& id, const std::string& actor,
                                 const std::string& reason) {
  const Result<int> shard = shard_of_job(id);
  if (!shard) return no_such_job(id);
  MutexLock lock(impl_->mutex);
  Status done = impl_->shard_at(*shard).retry_now(id, impl_->clock.wall_ms());
  if (done) impl_->note({0, "retry", "job", id.str(), {}, {}, false, {actor, reason}});
  return done;
}

Result<JobId> MemoryJobStore::replay(const JobId& id, bool again, const std::string& actor,
                                     const std::string& reason) {
  const Result<int> shard = shard_of_job(id);
  if (!shard) return no_such_job(id);
  MutexLock lock(impl_->mutex);
  Result<JobId> made = impl_->shard_at(*shard).replay(id, again, impl_->clock.wall_ms());
  if (made) impl_->note({0, "replay", "job", id.str(), made->str(), {}, again, {actor, reason}});
  return made;
}

Result<bool> MemoryJobStore::halt(const HaltTarget& target, const Operator& by) {
  if (Status checked = check_halt(target); !checked) {
    return deskwire::fail(std::move(checked).error());
  }
  MutexLock lock(impl_->mutex);
  bool changed = false;
  for (MemoryJobShard* shard : impl_->of_target(target)) {
    Result<bool> halted = shard->halt(target, by, impl_->clock.wall_ms());
    if (!halted) return halted;
    changed = changed || *halted;
  }
  const bool park = target.scope == HaltScope::kParked;
  if (changed) impl_->note(park ? "park" : "pause", target, by);
  return changed;
}

Result<bool> MemoryJobStore::resume(const HaltTarget& target, const Operator& by) {
  if (Status checked = check_halt(target); !checked) {
    return deskwire::fail(std::move(checked).error());
  }
  MutexLock lock(impl_->mutex);
  bool changed = false;
  for (MemoryJobShard* shard : impl_->of_target(target)) {
    changed = shard->resume(target, impl_->clock.wall_ms()) || changed;
  }
  const bool park = target.scope == HaltScope::kParked;
  if (changed) impl_->note(park ? "unpark" : "resume", target, by);
  return changed;
}

Result<std::vector<Halt>> MemoryJobStore::halts() {
  std::vector<Halt> halts;
  MutexLock lock(impl_->mutex);
  for (const auto& shard : impl_->shards) shard->halts(halts);
  unite_halts(halts);
  return halts;
}

Status MemoryJobStore::drop(const JobId& id, const Operator& by) {
  const Result<int> shard = shard_of_job(id);
  if (!shard) return no_such_job(id);
  MutexLock lock(impl_->mutex);
  const Result<bool> dropped = impl_->shard_at(*shard).drop(id, impl_->clock.wall_ms());
  if (!dropped) return deskwire::fail(dropped.error());
  if (*dropped) impl_->note({0, "drop", "job", id.str(), {}, {}, false, by});
  return {};
}

Result<LaneView> MemoryJobStore::look(const std::string& lane, const JobId& job) {
  MutexLock lock(impl_->mutex);
  return impl_->of_lane(lane).look(lane, job, impl_->clock.wall_ms());
}

Result<std::optional<Job>> MemoryJobStore::last_finished(const std::string& lane) {
  MutexLock lock(impl_->mutex);
  return impl_->of_lane(lane).last_finished(lane);
}

Result<std::vector<PastAttempt>> MemoryJobStore::history(const JobId& id) {
  const Result<int> shard = shard_of_job(id);
  if (!shard) return std::vector<PastAttempt>();
  MutexLock lock(impl_->mutex);
  return impl_->shard_at(*shard).history(id);
}

Result<std::vector<AuditEntry>> MemoryJobStore::audit(const AuditFilter& filter) {
  MutexLock lock(impl_->mutex);
  std::vector<AuditEntry> entries;
  std::copy_if(impl_->audit.rbegin(), impl_->audit.rend(), std::back_inserter(entries),
               [&](const AuditEntry& entry) { return entry.at_ms >= filter.since_ms; });
  sort_audit(entries, filter.limit);
  return entries;
}

std::vector<Event> MemoryJobStore::appended_events() const {
  MutexLock lock(impl_->mutex);
  return impl_->log.events();
}

std::vector<std::string> MemoryJobStore::facts(const std::string& lane) const {
  MutexLock lock(impl_->mutex);
  return impl_->of_lane(lane).facts(lane);
}

std::vector<std::string> MemoryJobStore::check() const {
  std::vector<std::string> violations;
  MutexLock lock(impl_->mutex);
  for (const auto& shard : impl_->shards) shard->check(violations);
  return violations;
}

}  // namespace deskwire::jobs
