#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/config.h"
#include "core/ids.h"
#include "core/metrics.h"
#include "jobs/memory_job_store.h"
#include "jobs/reply_payload.h"
#include "tests/support/manual_clock.h"
#include "tests/support/scripted_helpdesk.h"
#include "worker/attempt_cancellation.h"
#include "worker/handlers/conversation_watch.h"
#include "worker/handlers/handoff.h"
#include "worker/handlers/reply.h"
#include "worker/handlers/typing_feed.h"
#include "worker/helpdesk_directory.h"
#include "worker/memory_reply_ledger.h"

namespace deskwire::testing {

/// Remembers nothing, because there was nothing before.
class NoHistory final : public worker::ConversationHistory {
 public:
  std::vector<worker::Turn> turns;
  Result<worker::History> before(const worker::ConversationRef& /*conversation*/,
                                 worker::HelpdeskClient& /*client*/,
                                 const std::string& /*message_id*/,
                                 std::size_t /*limit*/) override {
    return worker::History{turns, false};
  }
};

/// A responder that says what the test wants.
class ScriptedResponder final : public worker::Responder {
 public:
  std::function<Result<std::string>(const worker::ReplyContext&)> answer =
      [](const worker::ReplyContext& context) { return "You wrote: " + context.content; };
  /// Set: asked instead of `answer`, and sees everything.
  std::function<Result<worker::Answer>(const worker::ReplyContext&, worker::DraftSink&,
                                       worker::Cancellation&)>
      write;
  int asked = 0;

  Result<worker::Answer> reply(const worker::ReplyContext& context, worker::DraftSink& draft,
                               worker::Cancellation& cancellation) override {
    ++asked;
    if (write) return write(context, draft, cancellation);
    auto text = answer(context);
    if (!text) return fail(text.error());
    worker::Answer written;
    written.text = std::move(*text);
    return written;
  }
  bool reads_history() const override { return true; }
};

/// One conversation of a Chatwoot source, with everything that a reply passes through, in memory
/// and on one thread: the test is the worker.
class ReplyBench {
 public:
  explicit ReplyBench(config::Source settings = chatwoot_source(), config::Replies replies = {});

  static config::Source chatwoot_source();

  /// A reply job for the customer's message `message_id`.
  JobId enqueue(const std::string& message_id = "100",
                const std::function<void(jobs::ReplyPayload&)>& change = {});
  /// Overwrites what webhooks said about the conversation.
  void set_state(const jobs::ConversationState& state);
  /// Leases the conversation's next job; nullopt: none is ready.
  std::optional<jobs::Lease> lease();
  worker::AttemptResult run(const jobs::Lease& lease);
  /// Closes an attempt as the pool would (a retryable failure waits 1 ms).
  jobs::FailResult close(const worker::AttemptResult& result);
  /// lease, run and close; the error code, or the outcome.
  std::string attempt();
  /// The worker died: its lease runs out and is reclaimed.
  void crash();
  /// Time goes on and due timers fire.
  void pass(Milliseconds time);

  /// Names of the conversation's events in order, typing included, with the status of
  /// message:status ("message:status failed").
  std::vector<std::string> story() const;
  std::vector<std::string> events_named(const std::string& name) const;  ///< Their data.
  jobs::Job job(const JobId& id);

  ManualClock clock;
  Metrics metrics;
  jobs::MemoryJobStore store{clock};
  worker::HelpdeskDirectory helpdesks;
  ScriptedHelpdesk* helpdesk = nullptr;  ///< Owned by the directory.
  ScriptedResponder responder;
  worker::AttemptCancellation cancellation;
  std::optional<jobs::Debounce> debounce;  ///< Of messages from now on.
  worker::MemoryReplyLedger ledger;
  NoHistory history;
  std::vector<Event> published;  ///< What was only published: pieces of drafts, typing.

 private:
  void step(std::vector<jobs::CompletedJob> completed, std::size_t want);

  /// Typing events, each with the number of stored events before it.
  std::vector<std::pair<std::size_t, std::string>> typing_events_;
  worker::TypingFeed typing_;
  worker::ConversationWatch watch_{store};
  worker::ReplyHandler reply_handler_;
  worker::HandoffHandler handoff_handler_;
  std::optional<jobs::Lease> next_;
  std::uint64_t requests_ = 0;
};

}  // namespace deskwire::testing
