#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/clock.h"
#include "jobs/job_store.h"
#include "jobs/lane_limits.h"
#include "jobs/operator_store.h"

namespace deskwire::jobs {

/// JobStore in memory with the same meaning as the one on Redis (one conformance suite runs against
/// both). For tests: nothing survives the process, and events are only collected. Its time is the
/// given clock's wall time, so that a test moves leases and timers by hand.
class MemoryJobStore final : public JobStore, public OperatorStore {
 public:
  explicit MemoryJobStore(const Clock& clock, LaneLimits limits = {});
  ~MemoryJobStore() override;
  MemoryJobStore(const MemoryJobStore&) = delete;
  MemoryJobStore& operator=(const MemoryJobStore&) = delete;

  /// `done` runs on the calling thread before this returns.
  void enqueue_async(EnqueueRequest request,
                     std::function<void(Result<EnqueueResult>)> done) override;
  Result<EnqueueResult> enqueue(const EnqueueRequest& request) override;
  Result<StepResult> step(const StepRequest& request) override;
  Result<Intent> intend(const Lease& lease, const std::string& effect, const std::string& reply,
                        const std::vector<Event>& events, const Event& unfinished) override;
  Result<FailResult> fail(const FailRequest& request) override;
  Result<BeatResult> beat(const BeatRequest& request) override;
  Status release(const Lease& lease) override;
  Result<ConversationState> conversation(const std::string& lane) override;
  Result<std::string> mapped_message(const std::string& lane,
                                     const std::string& helpdesk_id) override;
  void mapped_message_async(std::string lane, std::string helpdesk_id,
                            std::function<void(Result<std::string>)> done) override;
  Result<Job> get(const JobId& id) override;
  Result<std::vector<Job>> list(const JobFilter& filter) override;
  Result<JobCounts> counts() override;
  Result<KindCounts> counts_by_kind() override;
  Status retry_now(const JobId& id, const std::string& actor, const std::string& reason) override;
  Result<JobId> replay(const JobId& id, bool again, const std::string& actor,
                       const std::string& reason) override;

  Result<bool> halt(const HaltTarget& target, const Operator& by) override;
  Result<bool> resume(const HaltTarget& target, const Operator& by) override;
  Result<std::vector<Halt>> halts() override;
  Status drop(const JobId& id, const Operator& by) override;
  Result<LaneView> look(const std::string& lane, const JobId& job) override;
  Result<std::optional<Job>> last_finished(const std::string& lane) override;
  Result<std::vector<PastAttempt>> history(const JobId& id) override;
  Result<std::vector<AuditEntry>> audit(const AuditFilter& filter) override;

  /// Every event appended so far, oldest first; of a `once` event the first only.
  std::vector<Event> appended_events() const;
  /// The conversation's facts, oldest first.
  std::vector<std::string> facts(const std::string& lane) const;
  /// Violations of the lane invariant, one a line; empty: none.
  std::vector<std::string> check() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace deskwire::jobs
