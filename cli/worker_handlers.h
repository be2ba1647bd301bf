#pragma once

#include <memory>
#include <string>

#include "cli/delivery_handler.h"
#include "cli/responders.h"
#include "config/config.h"
#include "core/channel_log.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "core/redis/redis_client.h"
#include "core/snapshot.h"
#include "jobs/job_store.h"
#include "worker/conversation_history.h"
#include "worker/handlers/conversation_watch.h"
#include "worker/handlers/handoff.h"
#include "worker/handlers/reply.h"
#include "worker/handlers/send.h"
#include "worker/handlers/typing_feed.h"
#include "worker/helpdesk_directory.h"
#include "worker/redis_reply_ledger.h"

namespace deskwire::cli {

/// What attempts work with and a reload may change: the helpdesks, whoever writes answers, and the
/// handlers over both. It never changes: a reload makes another one, and an attempt that runs
/// keeps its own to the end.
///
/// Thread safety: run of the handlers may be called concurrently; the rest from one thread.
class WorkerHandlers {
 public:
  /// What all generations share; it outlives them.
  struct Surroundings {
    redis::Client& client;
    ChannelLog& log;
    jobs::JobStore& store;
    worker::TypingFeed& typing;
    worker::ConversationHistory& history;
    worker::ConversationWatch& watch;
    const Clock& clock;
    Metrics& metrics;
    /// As the store has it: two ideas of it would wait for each other without end.
    Milliseconds effect_settle;
  };

  /// @param before  Null at the start. Helpdesks and responders whose settings are the same are
  ///                taken over from it, with their connections and circuit breakers.
  WorkerHandlers(const config::Config& config, const Surroundings& around,
                 const WorkerHandlers* before);
  WorkerHandlers(const WorkerHandlers&) = delete;
  WorkerHandlers& operator=(const WorkerHandlers&) = delete;

  worker::JobHandler& reply() { return reply_; }
  worker::JobHandler& handoff() { return handoff_; }
  worker::JobHandler& send() { return send_; }
  worker::JobHandler& delivery() { return delivery_; }
  const worker::HelpdeskDirectory& helpdesks() const { return helpdesks_; }
  /// Ends every call in flight: after the pool's grace, never before.
  void stop();

 private:
  const std::string replies_fingerprint_;
  worker::HelpdeskDirectory helpdesks_;
  const std::shared_ptr<Responders> responders_;
  worker::RedisReplyLedger ledger_;
  worker::ReplyHandler reply_;
  worker::HandoffHandler handoff_;
  worker::SendHandler send_;
  DeliveryHandler delivery_;
};

/// Runs each attempt with the handler that is current when it begins.
///
/// Thread safety: run may be called concurrently.
class CurrentHandler final : public worker::JobHandler {
 public:
  using Pick = worker::JobHandler& (WorkerHandlers::*)();

  /// @param current  Outlives this.
  CurrentHandler(const Snapshot<WorkerHandlers>& current, Pick pick)
      : current_(current), pick_(pick) {}
  worker::AttemptResult run(const jobs::Lease& lease, worker::Cancellation& cancellation) override;

 private:
  const Snapshot<WorkerHandlers>& current_;
  const Pick pick_;
};

}  // namespace deskwire::cli
