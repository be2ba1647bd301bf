#pragma once

#include <string>

#include "core/metrics.h"
#include "worker/handlers/hand_over.h"
#include "worker/handlers/reply_ports.h"
#include "worker/handlers/reply_writing.h"
#include "worker/job_handler.h"

namespace deskwire::worker {

/// Answers a customer's message: guards → responder → guards → intent (message:ai appears) → guards
/// → post → done (message:status sent).
///
/// A crash or a lost answer between intent and done leaves the intent open: the next attempt looks
/// for our source_id at the helpdesk and never posts blindly again. What the first intent said is
/// posted again word for word, because people have already read it.
///
/// Where people are needed (ReplyWriting), the conversation is handed over instead, or with a word
/// to the customer (config replies.hand_off.message).
///
/// In shadow (config replies.shadow) the same happens, but as a private note and on `…:internal`.
///
/// Outcomes: "replied", "shadowed", "handed_off:<reason>", "skipped:not_enabled",
/// "skipped:shadow_handoff", "skipped:<reason>" (reply_guards.h). Error codes of its own:
/// "unparsable", "unknown_source", "empty_reply", "circuit_open", "awaiting_echo",
/// "unknown_outcome"; else the name of the ErrorCode.
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
    Metrics::Histogram& hand_over;
  };

 private:
  const ReplyPorts ports_;
  const ReplySettings settings_;
  const Steps steps_;
  const ReplyWriting writing_;
  const HandOver hand_over_;
};

}  // namespace deskwire::worker
