#pragma once

#include <map>
#include <memory>
#include <string>

#include "config/config.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "jobs/dispatcher.h"
#include "jobs/job_store.h"
#include "worker/job_handler.h"

namespace deskwire::worker {

/// A bounded pool of threads ("work-N"), each running one lease at a time. A thread that finishes a
/// job completes it and takes the next of the same shard in one step.
///
/// Stop order: no new leases, wait `shutdown_grace` for attempts, cancel and release the rest
/// unpunished, join. Thread safety: every method may be called concurrently.
class WorkerPool {
 public:
  WorkerPool(jobs::JobStore& store, std::map<std::string, JobHandler*> handlers,
             const config::Jobs& settings, const Clock& clock, Metrics& metrics, WorkerId worker);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// The dispatcher's callbacks are wired to offer_work and abort; it outlives the pool's threads.
  void start(jobs::Dispatcher& dispatcher);
  void stop();
  void offer_work(int shard);
  /// Blocks while every thread is busy and content with the shards it knows; returns at once when
  /// the pool is stopped.
  void wait_until_wanted();
  void abort(const JobId& id);
  /// Threads running a job now.
  int busy() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace deskwire::worker
