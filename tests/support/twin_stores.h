#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/redis/redis_client.h"
#include "jobs/memory_job_store.h"
#include "jobs/redis_job_store.h"
#include "jobs/redis_operator_store.h"
#include "tests/support/manual_clock.h"
#include "tests/support/redis_server.h"
#include "tests/support/redis_time.h"

namespace deskwire::testing {

/// The same lease in both stores. Ids that the stores make up themselves differ.
struct TwinLease {
  jobs::Lease redis;
  jobs::Lease model;
};

/// A job store on Redis and the one in memory as its model: every call goes to both, at exactly the
/// same time, and a difference between the answers is a failed test.
///
/// Jobs that a store names by itself (replays, hand-offs) are compared by a name of the test's own.
///
/// Thread safety: one thread.
class TwinStores {
 public:
  explicit TwinStores(const jobs::LaneLimits& limits, std::int64_t wall_ms);

  std::int64_t now_ms() const { return clock_.wall_ms(); }
  /// Both stores' time jumps by this much, also backwards.
  void pass(std::int64_t ms);

  /// nullopt: both refused.
  std::optional<jobs::EnqueueResult> enqueue(const jobs::EnqueueRequest& request);
  struct Completion {
    TwinLease lease;
    std::string outcome;
    std::string effect;  ///< Empty: none.
  };
  std::vector<TwinLease> step(int shard, const WorkerId& worker, std::uint64_t request,
                              const std::vector<Completion>& completed, std::size_t want);
  /// nullopt: both refused, the lease is no longer ours.
  std::optional<jobs::Intent> intend(const TwinLease& lease, const std::string& effect);
  jobs::FailResult fail(const TwinLease& lease, jobs::FailureClass failure, Milliseconds delay,
                        const std::string& void_effect);
  jobs::BeatResult beat(int shard, const WorkerId& worker, const std::vector<TwinLease>& renew);
  void release(const TwinLease& lease);
  /// Operators know a job by the test's name for it.
  void retry_now(const std::string& name);
  /// False: both refused.
  bool drop(const std::string& name);
  void halt(const jobs::HaltTarget& target);
  void resume(const jobs::HaltTarget& target);
  /// Ends whatever is halted.
  void resume_everything();
  /// The new job's name; empty: both refused.
  std::string replay(const std::string& name, bool again);

  /// The test's name for a job's root: the same for all its attempts and replays.
  std::string root_name(const TwinLease& lease);
  /// Compares all jobs and counters, and checks the lane invariant of both.
  void require_same_jobs();
  /// Compares what Redis keeps of the conversations' channels with the newest in the model.
  void require_same_logs(const std::vector<std::string>& lanes);
  jobs::JobCounts counts();

 private:
  struct Names {
    jobs::JobStore* store = nullptr;
    std::map<std::string, std::string> name_of;
    std::map<std::string, JobId> id_of;

    std::string of(const JobId& id);
    void learn(const std::string& name, const JobId& id);
  };
  std::string text_of(const jobs::Lease& lease, Names& names) const;
  std::string text_of(const jobs::Job& job, Names& names) const;

  RedisTime time_;
  RedisServer server_;
  ManualClock clock_;
  redis::Client client_;
  jobs::RedisJobStore redis_;
  jobs::RedisOperatorStore redis_operators_;
  jobs::MemoryJobStore model_;
  Names redis_names_;
  Names model_names_;
  int replays_ = 0;
};

}  // namespace deskwire::testing
