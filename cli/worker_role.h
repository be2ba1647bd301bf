#pragma once

#include <optional>

#include "cli/delivery_handler.h"
#include "cli/responders.h"
#include "cli/roles.h"
#include "config/config.h"
#include "core/channel_log.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "core/redis/redis_client.h"
#include "jobs/dispatcher.h"
#include "jobs/job_store.h"
#include "worker/context/logged_history.h"
#include "worker/handlers/conversation_watch.h"
#include "worker/handlers/handoff.h"
#include "worker/handlers/reply.h"
#include "worker/handlers/send.h"
#include "worker/handlers/typing_feed.h"
#include "worker/helpdesk_directory.h"
#include "worker/redis_reply_ledger.h"
#include "worker/sla/clock_keeper.h"
#include "worker/sla/queue_wait.h"
#include "worker/worker_pool.h"

namespace deskwire::cli {

/// The objects of the roles `worker` and `sla`: both live on the dispatcher's rounds. With `sla`
/// alone it beats, and so reclaims and promotes, but leases nothing.
///
/// Thread safety: start and stop from one thread.
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
  worker::HelpdeskDirectory helpdesks_;
  Responders responders_;
  worker::TypingFeed typing_;
  worker::RedisReplyLedger ledger_;
  worker::LoggedHistory history_;
  worker::ConversationWatch watch_;
  worker::ReplyHandler reply_;
  worker::HandoffHandler handoff_;
  worker::SendHandler send_;
  DeliveryHandler delivery_;
  worker::WorkerPool pool_;
  worker::QueueWaitMonitor queue_wait_;
  jobs::Dispatcher dispatcher_;
  std::optional<worker::ClockKeeper> clocks_;  ///< Of the role sla.
};

}  // namespace deskwire::cli
