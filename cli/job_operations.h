#pragma once

#include <atomic>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "cli/tail_feed.h"
#include "cli/task_thread.h"
#include "config/config.h"
#include "core/clock.h"
#include "core/mutex.h"
#include "core/net/http_message.h"
#include "core/redis/redis_client.h"
#include "core/snapshot.h"
#include "jobs/job_store.h"
#include "jobs/lane_limits.h"
#include "jobs/replay_batches.h"

namespace deskwire::cli {

/// What operators start at the admin door and does not fit into one answer:
///
///   POST /v1/jobs/replay                {"state","kind","conversation","error","since","until",
///                                        "limit","ids":[],"again":false,"rate":100,"dry_run":false}
///                                       -> 202 {"batch","total","left_out":{…}}; with dry_run
///                                       200 {"counts":{…},"jobs":[…]}
///   GET  /v1/jobs/batches/{id}          {"state","total","left","replayed","failed",…}
///   POST /v1/jobs/batches/{id}/resume   {"rate":100}: goes on with one whose runner is gone
///   POST /v1/jobs/batches/{id}/cancel
///   POST /v1/jobs/fsck                  {"repair":false} -> 202; GET: the last report
///   GET  /v1/jobs/tail?after&state&kind&conversation&error
///                                       {"jobs":[…],"next":17,"missed":false}: what changed since;
///                                       without after: from now on
///
/// Batches run in this process ("admin-bulk"), the first one first; a stop leaves the rest for a
/// resume by whatever process.
///
/// Thread safety: answer from one thread at a time; start and stop from the owner's.
class JobOperations {
 public:
  /// @param config  Of now: a forecast goes by it. Outlives this.
  JobOperations(const Snapshot<const config::Config>& config, redis::Client& client,
                const redis::Client::Options& connection, jobs::JobStore& store,
                const Clock& clock);
  ~JobOperations();  ///< Calls stop().
  JobOperations(const JobOperations&) = delete;
  JobOperations& operator=(const JobOperations&) = delete;

  void start();
  void stop();
  /// nullopt: another path. Blocks for some round trips to Redis.
  std::optional<net::HttpResponse> answer(const net::HttpRequest& request);

 private:
  net::HttpResponse replay(const net::HttpRequest& request);
  net::HttpResponse batch(const net::HttpRequest& request, std::string_view rest);
  net::HttpResponse fsck(const net::HttpRequest& request);
  net::HttpResponse tail(const net::HttpRequest& request);
  /// False: too many wait already.
  bool run_later(jobs::ReplayBatch batch, std::size_t rate) DW_EXCLUDES(mutex_);
  nlohmann::json describe(const jobs::ReplayBatch& batch) DW_EXCLUDES(mutex_);

  const Snapshot<const config::Config>& config_;
  redis::Client& client_;
  jobs::JobStore& store_;
  const Clock& clock_;
  jobs::ReplayBatches batches_;
  TailFeed tail_;
  std::atomic<bool> stopping_{false};
  Mutex mutex_;
  std::set<std::string> here_ DW_GUARDED_BY(mutex_);  ///< Batches that this process runs.
  bool checking_ DW_GUARDED_BY(mutex_) = false;
  /// JSON text of the last fsck's outcome; empty: none yet.
  std::string checked_ DW_GUARDED_BY(mutex_);
  TaskThread bulk_;
  TaskThread fsck_;
};

}  // namespace deskwire::cli
