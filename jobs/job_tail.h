#pragma once

#include <memory>
#include <vector>

#include "core/clock.h"
#include "core/redis/redis_client.h"
#include "core/result.h"
#include "jobs/job.h"

namespace deskwire::jobs {

/// Jobs of all shards as their states change. Costs the workers nothing while nobody tails.
/// States that a job passes within some milliseconds are seen as the last of them.
///
/// Thread safety: start and stop from any thread; next from one.
class JobTail {
 public:
  struct Piece {
    std::vector<Job> changed;  ///< As they are now, without payload. Oldest change first.
    bool began = false;        ///< Connected (again): what changed before was not seen.
    bool missed = false;       ///< More changed at once than can be followed.
  };

  /// @param client      For questions about jobs.
  /// @param connection  Of the listener, one of its own.
  JobTail(redis::Client& client, const redis::Client::Options& connection);
  ~JobTail();  ///< Calls stop().
  JobTail(const JobTail&) = delete;
  JobTail& operator=(const JobTail&) = delete;

  void start();
  void stop();
  /// Waits for changes, at most `patience`; an empty piece then.
  /// @errors kUnavailable, kTimeout: their jobs could not be read; go on asking.
  Result<Piece> next(Milliseconds patience);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace deskwire::jobs
