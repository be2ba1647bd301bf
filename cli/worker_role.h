#pragma once

#include <optional>

#include "cli/roles.h"
#include "cli/worker_handlers.h"
#include "config/config.h"
#include "core/channel_log.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "core/redis/redis_client.h"
#include "core/snapshot.h"
#include "jobs/dispatcher.h"
#include "jobs/job_store.h"
#include "worker/context/logged_history.h"
#include "worker/handlers/conversation_watch.h"
#include "worker/handlers/typing_feed.h"
#include "worker/sla/clock_keeper.h"
#include "worker/sla/queue_wait.h"
#include "worker/worker_pool.h"

namespace deskwire::cli {

/// The objects of the roles `worker` and `sla`: both live on the dispatcher's rounds. With `sla`
/// alone it beats, and so reclaims and promotes, but leases nothing.
///
/// Thread safety: start, set_sla, reload and stop from one thread.
class WorkerRole {
 public:
  WorkerRole(const config::Config& config, const Roles& roles, redis::Client& client,
             const redis::Client::Options& bell_connection, ChannelLog& log, jobs::JobStore& store,
             const Clock& clock, Metrics& metrics);
  ~WorkerRole();  ///< Calls stop().
  WorkerRole(const WorkerRole&) = delete;
  WorkerRole& operator=(const WorkerRole&) = delete;

  /// @errors those of PolicyBook::make.
  Status start();
  /// Other policies and calendars: clocks that run are computed anew from their facts.
  /// @errors those of PolicyBook::make; then nothing changes.
  Status set_sla(const config::Sla& settings);
  /// Other settings of the sources' APIs and of the answers, for attempts that begin from now on.
  /// An attempt that runs ends with the old ones.
  void reload(const config::Config& config);
  /// Leases go back unpunished after the configured grace. Twice, unstarted: fine.
  void stop();

 private:
  jobs::Dispatcher::Callbacks callbacks();

  const Roles roles_;
  const config::Sla sla_;
  redis::Client& client_;
  ChannelLog& log_;
  const Clock& clock_;
  Metrics& metrics_;
  const worker::ClockKeeper::Options clock_options_;
  worker::TypingFeed typing_;
  worker::LoggedHistory history_;
  worker::ConversationWatch watch_;
  const WorkerHandlers::Surroundings around_;
  Snapshot<WorkerHandlers> handlers_;
  CurrentHandler reply_;
  CurrentHandler handoff_;
  CurrentHandler send_;
  CurrentHandler delivery_;
  worker::WorkerPool pool_;
  worker::QueueWaitMonitor queue_wait_;
  jobs::Dispatcher dispatcher_;
  std::optional<worker::ClockKeeper> clocks_;  ///< Of the role sla.
};

}  // namespace deskwire::cli
