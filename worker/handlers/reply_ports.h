#pragma once

#include "config/replies.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "jobs/effects.h"
#include "jobs/job_store.h"
#include "worker/conversation_history.h"
#include "worker/handlers/conversation_watch.h"
#include "worker/handlers/typing_feed.h"
#include "worker/helpdesk_directory.h"
#include "worker/reply_ledger.h"
#include "worker/responder.h"

namespace deskwire::worker {

/// What the reply handler works with; all of it outlives the handler.
struct ReplyPorts {
  jobs::JobStore& store;
  HelpdeskDirectory& helpdesks;
  Responder& responder;
  TypingFeed& typing;
  ReplyLedger& ledger;
  ConversationHistory& history;
  ConversationWatch& watch;
  PublishEvent publish;
  const Clock& clock;
  Metrics& metrics;
};

struct ReplySettings {
  config::Replies replies;
  Milliseconds lease{15000};  ///< config jobs.lease_ms: what an intent extends the lease to.
  /// While an open intent is younger than this, a post that cannot be seen may still be on its way
  /// (a slow helpdesk, an echo webhook to come), so the attempt waits instead of posting again.
  Milliseconds settle{jobs::kEffectSettleMs};
  Milliseconds settle_poll{2000};
};

}  // namespace deskwire::worker
