#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/redis/redis_client.h"
#include "core/result.h"
#include "jobs/job_store.h"
#include "jobs/lane_limits.h"
#include "jobs/operator_store.h"

namespace deskwire::jobs {

/// What the replay of a job would find now.
struct Prospect {
  Job job;                         ///< With payload, unless that is long or unreadable.
  std::optional<JobState> replay;  ///< Of the newest job that replays it; nullopt: none is kept.
  bool payload_gone = false;       ///< Then it cannot be replayed.
  bool effect_done = false;        ///< Its reply is known to be posted.
  ConversationState conversation;
  bool last_message_is_ours = false;
};

/// A bulk replay that is remembered in Redis, so that another process can go on with it or stop it.
struct ReplayBatch {
  enum class State : std::uint8_t { kRunning, kDone, kCancelled };
  std::string id;
  State state = State::kRunning;
  bool again = false;
  Operator by;
  std::int64_t created_at_ms = 0;
  std::size_t total = 0;     ///< Jobs when it began.
  std::size_t left = 0;      ///< Not dealt with yet.
  std::size_t replayed = 0;  ///< May count a job twice that was repeated after an interruption.
  std::size_t failed = 0;
};

/// Bulk replays: forecast, begin, go on, cancel. A batch does nothing by itself; whoever runs it
/// takes the next jobs, replays them and says so. A job that is repeated because the runner died in
/// between is not replayed twice.
///
/// Errors of every call: kUnavailable or kTimeout (effect unknown; repeat it), kFull, kCorrupt.
///
/// Thread safety: every method may be called concurrently. Methods block for a few round trips,
/// none of which keeps Redis busy for more than some milliseconds.
class ReplayBatches {
 public:
  ReplayBatches(redis::Client& client, const Clock& clock, LaneLimits limits)
      : client_(client), clock_(clock), limits_(limits) {}

  /// In the order of `jobs`, without those that are gone.
  Result<std::vector<Prospect>> prospects(const std::vector<Job>& jobs);

  /// @param jobs  In the order in which they are to be replayed.
  Result<ReplayBatch> create(const std::vector<Job>& jobs, bool again, const Operator& by);
  /// @errors kNotFound: no such batch, or it is a week old.
  Result<ReplayBatch> find(const std::string& id);
  /// The first jobs that are still to do, at most `count`.
  Result<std::vector<JobId>> next(const ReplayBatch& batch, std::size_t count);
  /// As JobStore::replay, once a batch: the same job again gives the same answer.
  Result<JobId> replay(const ReplayBatch& batch, const JobId& id);
  /// `ids`, the first of those to do, are dealt with. Updates `batch`, also with what others did:
  /// two runners of one batch repeat each other's jobs, but skip none.
  Status advance(ReplayBatch& batch, const std::vector<JobId>& ids, std::size_t replayed,
                 std::size_t failed);
  /// Whoever runs it stops with the next job. Audited.
  /// @errors kNotFound; kConflict: it is done.
  Result<ReplayBatch> cancel(const std::string& id, const Operator& by);

 private:
  redis::Client& client_;
  const Clock& clock_;
  const LaneLimits limits_;
};

/// JobStore::replay as part of a batch (empty: of none).
Result<JobId> replay_job(redis::Client& client, const Clock& clock, const LaneLimits& limits,
                         const JobId& id, bool again, const Operator& by, const std::string& batch);

}  // namespace deskwire::jobs
