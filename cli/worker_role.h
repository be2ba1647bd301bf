#pragma once

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
#include "worker/handlers/typing_feed.h"
#include "worker/helpdesk_directory.h"
#include "worker/redis_reply_ledger.h"
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

  void start();
  /// Leases go back unpunished after the configured grace. Twice, unstarted: fine.
  void stop();

 private:
  jobs::Dispatcher::Callbacks callbacks();

  const Roles roles_;
  worker::HelpdeskDirectory helpdesks_;
  Responders responders_;
  worker::TypingFeed typing_;
  worker::RedisReplyLedger ledger_;
  worker::LoggedHistory history_;
  worker::ConversationWatch watch_;
  worker::ReplyHandler reply_;
  worker::HandoffHandler handoff_;
  DeliveryHandler delivery_;
  worker::WorkerPool pool_;
  worker::QueueWaitMonitor queue_wait_;
  jobs::Dispatcher dispatcher_;
};

}  // namespace deskwire::cli
