#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "core/clock.h"
#include "core/metrics.h"
#include "core/redis/redis_client.h"
#include "jobs/job_store.h"

namespace deskwire::jobs {

/// Wakes up a process's workers: listens to the shards' doorbells, sleeps until the next timer by a
/// local clock corrected by the server's, renews leases and reclaims those of the dead.
///
/// Threads: "bell" (blocking connection) and "beat" (everything else). When idle there is one beat
/// of all shards a second and no polling for work.
///
/// Thread safety: every method may be called concurrently.
class Dispatcher {
 public:
  struct Callbacks {
    /// The shard has ready lanes. Must not block. Empty: this process runs no jobs, and leaves the
    /// doorbells to those that do.
    std::function<void(int shard)> on_work;
    /// Blocks on the thread "bell" while no more work is wanted, so that doorbells ring for other
    /// processes. Once the owner stops it must return, before stop() is called here. May be empty.
    std::function<void()> wait_until_wanted;
    std::function<void(const JobId&)> on_lost;  ///< This lease is no longer ours: abort it.
    /// More messages joined this job: its attempt should be given back and begin anew.
    std::function<void(const JobId&)> on_superseded;
    /// After each round of beats: server time − due of the first job in line, 0 when none waits.
    std::function<void(Milliseconds queue_wait, std::int64_t server_now_ms)> on_round;
  };

  Dispatcher(JobStore& store, const redis::Client::Options& bell_connection, const Clock& clock,
             WorkerId worker, Metrics& metrics, Callbacks callbacks);
  ~Dispatcher();
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  void start();
  void stop();  ///< Twice, unstarted, while starting: fine.

  /// Leases to renew from now on, until forgotten.
  void hold(const Lease& lease);
  void forget(const JobId& id);
  /// A shorter deadline was seen (a step's next_due_ms).
  void note_timer(int shard, std::int64_t next_due_ms, std::int64_t server_now_ms);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace deskwire::jobs
