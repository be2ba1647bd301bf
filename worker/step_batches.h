#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "core/ids.h"
#include "core/mutex.h"
#include "jobs/job_store.h"

namespace deskwire::worker {

/// Joins the steps of many threads. While one step of a shard is on its way, what other threads
/// complete and want of that shard waits, and leaves together as the next one: under load a round
/// trip serves many jobs, without load nobody waits.
///
/// One step of a shard is under way at a time, so its request numbers can be repeated safely. They
/// belong to (worker, shard) and go on for as long as this object lives.
///
/// Thread safety: step may be called concurrently.
class StepBatches {
 public:
  /// Sends one step and waits for its answer, again and again where that is worth it; nullopt: none
  /// came, what it may have leased runs out. Called on the thread of one of the callers.
  using Send = std::function<std::optional<jobs::StepResult>(const jobs::StepRequest&)>;

  StepBatches(WorkerId worker, Send send) : worker_(std::move(worker)), send_(std::move(send)) {}

  /// Completes `done`, if any, and leases a job of the shard if one is wanted. Blocks.
  std::optional<jobs::Lease> step(int shard, std::optional<jobs::CompletedJob> done, bool want);
  /// Callers that wait for the shard's next step.
  std::size_t waiting(int shard);

 private:
  /// One caller, on its stack for as long as it waits. Guarded by its shard's mutex.
  struct Caller {
    std::optional<jobs::CompletedJob> done;
    bool want = false;
    std::optional<jobs::Lease> lease;
    bool answered = false;
    bool leads = false;  ///< Its thread sends the next step.
    CondVar changed;
  };
  struct Shard {
    Mutex mutex;
    bool under_way DW_GUARDED_BY(mutex) = false;
    std::deque<Caller*> waiting DW_GUARDED_BY(mutex);
    std::uint64_t request DW_GUARDED_BY(mutex) = 0;
  };
  static std::vector<Caller*> next_batch(Shard& shard) DW_REQUIRES(shard.mutex);
  jobs::StepRequest request_of(int number, Shard& shard, const std::vector<Caller*>& batch) const
      DW_REQUIRES(shard.mutex);

  const WorkerId worker_;
  const Send send_;
  std::array<Shard, kShardCount> shards_;
};

}  // namespace deskwire::worker
