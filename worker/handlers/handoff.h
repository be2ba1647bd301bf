#pragma once

#include <string>
#include <utility>

#include "config/replies.h"
#include "core/clock.h"
#include "jobs/job_store.h"
#include "worker/handlers/hand_over.h"
#include "worker/helpdesk_directory.h"
#include "worker/job_handler.h"

namespace deskwire::worker {

/// Gives a conversation to people after its reply died (HandOver). Safe to run again.
///
/// Outcomes: "handed_off", "skipped:closed", "skipped:answered_by_human", "skipped:handed_off",
/// "skipped:shadow". Error codes: as the reply handler's.
class HandoffHandler final : public JobHandler {
 public:
  HandoffHandler(jobs::JobStore& store, HelpdeskDirectory& helpdesks, const Clock& clock,
                 config::Replies replies = {})
      : store_(store),
        helpdesks_(helpdesks),
        clock_(clock),
        replies_(replies),
        hand_over_(store, clock, std::move(replies)) {}
  AttemptResult run(const jobs::Lease& lease, Cancellation& cancellation) override;

 private:
  /// Why people are needed: the error code of the job that died.
  std::string reason_of(const jobs::Lease& lease);

  jobs::JobStore& store_;
  HelpdeskDirectory& helpdesks_;
  const Clock& clock_;
  const config::Replies replies_;
  const HandOver hand_over_;
};

}  // namespace deskwire::worker
