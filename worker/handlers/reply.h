#pragma once

#include <string>

#include "config/config.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "jobs/job_store.h"
#include "worker/handlers/typing_feed.h"
#include "worker/helpdesk_directory.h"
#include "worker/job_handler.h"
#include "worker/responder.h"

namespace deskwire::worker {

/// What the reply handler works with; all of it outlives the handler.
struct ReplyPorts {
  jobs::JobStore& store;
  HelpdeskDirectory& helpdesks;
  Responder& responder;
  TypingFeed& typing;
  const Clock& clock;
  Metrics& metrics;
};

struct ReplySettings {
  config::Replies replies;
  Milliseconds lease{15000};  ///< config jobs.lease_ms: what an intent extends the lease to.
  /// While an open intent is younger than this, a post that cannot be seen may still be on its way
  /// (a slow helpdesk, an echo webhook to come), so the attempt waits instead of posting again.
  Milliseconds settle{10000};
  Milliseconds settle_poll{2000};
};

/// Answers a customer's message: guards → responder → guards → intent (message:ai appears) → guards
/// → post → done (message:status sent).
///
/// A crash or a lost answer between intent and done leaves the intent open: the next attempt looks
/// for our source_id at the helpdesk and never posts blindly again. What the first intent said is
/// posted again word for word, because people have already read it.
///
/// Outcomes: "replied", "skipped:<reason>" (reply_guards.h). Error codes of its own: "unparsable",
/// "unknown_source", "empty_reply", "circuit_open", "awaiting_echo", "unknown_outcome"; else the
/// name of the ErrorCode.
class ReplyHandler final : public JobHandler {
 public:
  ReplyHandler(ReplyPorts ports, ReplySettings settings);
  AttemptResult run(const jobs::Lease& lease, Cancellation& cancellation) override;

  /// Durations of the steps (deskwire_step_seconds).
  struct Steps {
    Metrics::Histogram& context;
    Metrics::Histogram& responder;
    Metrics::Histogram& intent;
    Metrics::Histogram& post;
  };

 private:
  const ReplyPorts ports_;
  const ReplySettings settings_;
  const Steps steps_;
};

}  // namespace deskwire::worker
