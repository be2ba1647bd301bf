#pragma once

#include <memory>

#include "config/config.h"
#include "core/clock.h"
#include "core/redis/redis_client.h"
#include "core/result.h"
#include "jobs/redis_job_store.h"
#include "jobs/redis_operator_store.h"
#include "jobs/replay_batches.h"

namespace deskwire::cli {

/// The limits that every process must apply alike (config jobs.*, gateway.log).
jobs::LaneLimits lane_limits(const config::Config& config);

/// The connection options of every client of this config's Redis.
Result<redis::Client::Options> client_options(const config::Config& config, const char* name);

/// A connection to the jobs for one command's duration.
class JobAccess {
 public:
  /// Connects, or gives up after the configured connect timeout (at least a second), and makes sure
  /// that the data is of our version.
  /// @errors kUnavailable: nobody answers (message says how to start a server). Those of
  ///         jobs::check_data_layout.
  static Result<std::unique_ptr<JobAccess>> open(const config::Config& config);
  /// As above without the look at the data.
  static Result<std::unique_ptr<JobAccess>> connect(const config::Config& config);

  jobs::JobStore& store() { return store_; }
  jobs::OperatorStore& operators() { return operators_; }
  jobs::ReplayBatches& batches() { return batches_; }
  redis::Client& client() { return client_; }
  const Clock& clock() const { return clock_; }

 private:
  JobAccess(const redis::Client::Options& options, const jobs::LaneLimits& limits)
      : client_(options),
        store_(client_, clock_, limits),
        operators_(client_, limits),
        batches_(client_, clock_, limits) {}

  SystemClock clock_;
  redis::Client client_;
  jobs::RedisJobStore store_;
  jobs::RedisOperatorStore operators_;
  jobs::ReplayBatches batches_;
};

}  // namespace deskwire::cli
