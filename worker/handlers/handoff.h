#pragma once

#include "core/clock.h"
#include "jobs/job_store.h"
#include "worker/helpdesk_directory.h"
#include "worker/job_handler.h"

namespace deskwire::worker {

/// Gives a conversation to people after its reply died, and says so on the channel
/// (`conversation:handoff`). Safe to run again: the helpdesk's change is idempotent and the event
/// has the job's id.
///
/// Outcomes: "handed_off", "skipped:closed", "skipped:answered_by_human". Error codes: as the reply
/// handler's.
class HandoffHandler final : public JobHandler {
 public:
  HandoffHandler(jobs::JobStore& store, HelpdeskDirectory& helpdesks, const Clock& clock)
      : store_(store), helpdesks_(helpdesks), clock_(clock) {}
  AttemptResult run(const jobs::Lease& lease, Cancellation& cancellation) override;

 private:
  /// Why people are needed: the error code of the job that died.
  std::string reason_of(const jobs::Lease& lease);

  jobs::JobStore& store_;
  HelpdeskDirectory& helpdesks_;
  const Clock& clock_;
};

}  // namespace deskwire::worker
