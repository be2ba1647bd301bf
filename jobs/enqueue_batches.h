#pragma once

#include <functional>
#include <memory>

#include "core/redis/redis_client.h"
#include "jobs/job_store.h"
#include "jobs/lane_limits.h"

namespace deskwire::jobs {

/// Sends enqueue requests to Redis: one call under way a shard; what arrives meanwhile leaves
/// together in the next one. Without load a request leaves at once; under load one script call (and
/// with `appendfsync always` one fsync) serves many.
///
/// Order: requests of one shard are taken in in the order in which they were submitted.
///
/// Thread safety: every method may be called concurrently.
class EnqueueBatches {
 public:
  EnqueueBatches(redis::Client& client, const LaneLimits& limits);

  /// `done` runs on the connection thread, or on the calling one when there is no connection.
  void submit(const EnqueueRequest& request, std::function<void(Result<EnqueueResult>)> done);
  /// Whether facts make the SLA clocks of their conversation due (LaneLimits::clocks_run).
  void set_clocks_run(bool run);

 private:
  struct Queues;
  std::shared_ptr<Queues> queues_;  ///< Shared with the calls under way, which may outlive us.
  LaneLimits limits_;
};

}  // namespace deskwire::jobs
