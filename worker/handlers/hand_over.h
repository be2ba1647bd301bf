#pragma once

#include <string>
#include <vector>

#include "config/replies.h"
#include "core/clock.h"
#include "jobs/job_store.h"
#include "jobs/reply_payload.h"
#include "worker/conversation_history.h"
#include "worker/helpdesk_directory.h"

namespace deskwire::worker {

struct HandOverTask {
  const jobs::Lease& lease;
  const jobs::ReplyPayload& payload;
  Helpdesk& helpdesk;
  std::string reason;       ///< "customer_asked", "timeout", …
  std::vector<Turn> turns;  ///< What was said before, as far as it was read.
};

/// Gives a conversation to people: status open at the helpdesk, team and labels, a private note
/// with the reason and a summary, `conversation:handoff` on the channel, and a mark that keeps the
/// assistant silent until the conversation is given back. Safe to run again: the note alone may
/// come twice, where a worker died right after it.
class HandOver {
 public:
  HandOver(jobs::JobStore& store, const Clock& clock, config::Replies replies)
      : store_(store), clock_(clock), replies_(std::move(replies)) {}

  /// @errors of HelpdeskClient::hand_off (from_helpdesk), or of JobStore.
  struct Failure {
    Error error;
    bool from_helpdesk = false;
  };
  tl::expected<void, Failure> run(const HandOverTask& task) const;

 private:
  void assign(const HandOverTask& task) const;
  void leave_note(const HandOverTask& task) const;
  Status remember(const HandOverTask& task) const;

  jobs::JobStore& store_;
  const Clock& clock_;
  const config::Replies replies_;
};

/// The note: why, and the last of what was said, masked. Pure.
std::string hand_over_note(const HandOverTask& task);

}  // namespace deskwire::worker
