#pragma once

#include "core/clock.h"
#include "jobs/effects.h"
#include "jobs/job_store.h"
#include "worker/helpdesk_directory.h"
#include "worker/job_handler.h"

namespace deskwire::worker {

/// Brings a message of our own clients into the helpdesk: a customer's as an incoming message, an
/// agent's as an outgoing one. People have seen it on the channel already; what is left to tell is
/// whether it arrived (`message:status` sent or failed).
///
/// Like a reply it is never posted twice: an intent is recorded first, and one that is still open
/// after a crash is looked up by our id, or recognised by the helpdesk's webhook about it.
///
/// Outcome: "sent". Error codes of its own: "unparsable", "unknown_source", "circuit_open",
/// "awaiting_echo", "unknown_outcome"; else the name of the ErrorCode.
class SendHandler final : public JobHandler {
 public:
  struct Settings {
    /// While an open intent is younger than this, a post that cannot be seen may be on its way.
    Milliseconds settle{jobs::kEffectSettleMs};
    Milliseconds settle_poll{2000};
  };
  SendHandler(jobs::JobStore& store, HelpdeskDirectory& helpdesks, const Clock& clock,
              Settings settings)
      : store_(store), helpdesks_(helpdesks), clock_(clock), settings_(settings) {}
  AttemptResult run(const jobs::Lease& lease, Cancellation& cancellation) override;

 private:
  jobs::JobStore& store_;
  HelpdeskDirectory& helpdesks_;
  const Clock& clock_;
  const Settings settings_;
};

}  // namespace deskwire::worker
