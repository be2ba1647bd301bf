#include "cli/reply_trial.h"

#include <chrono>
#include <utility>

#include "cli/helpdesk_clients.h"
#include "cli/responders.h"
#include "core/channel.h"
#include "core/ids.h"
#include "jobs/event_table.h"
#include "jobs/memory_job_store.h"
#include "jobs/reply_payload.h"
#include "webhooks/source_parser.h"
#include "worker/attempt_cancellation.h"
#include "worker/guards/rollout.h"
#include "worker/handlers/reply_guards.h"
#include "worker/handlers/reply_parts.h"
#include "worker/handlers/reply_writing.h"
#include "worker/memory_reply_ledger.h"

namespace deskwire::cli {
namespace {

using Kind = jobs::HelpdeskEvent::Kind;

double ms_since(MonotonicTime begun, const Clock& clock) {
  return std::chrono::duration<double, std::milli>(clock.monotonic() - begun).count();
}

/// Why an event makes no reply job.
std::string why_no_job(const jobs::HelpdeskEvent& event) {
  const bool message = event.kind == Kind::kMessageCreated || event.kind == Kind::kMessageUpdated;
  if (!message) return "no_message";
  if (event.activity) return "activity";
  if (event.is_private) return "private_note";
  if (event.deleted) return "deleted";
  if (event.kind == Kind::kMessageUpdated) return "update_without_choice";
  if (jobs::is_our_message_id(event.source_id)) return "our_own_post";
  return "written_by_" + std::string(name_of(event.sender.type));
}

class NoHistory final : public worker::ConversationHistory {
 public:
  Result<worker::History> before(const worker::ConversationRef& /*conversation*/,
                                 worker::HelpdeskClient& /*client*/,
                                 const std::string& /*message_id*/,
                                 std::size_t /*limit*/) override {
    return worker::History{};
  }
};

class UnseenDraft final : public worker::DraftSink {
 public:
  void begin() override {}
  void add(std::string_view /*text*/) override {}
};

/// Everything that an answer passes through, in memory.
class Bench {
 public:
  Bench(const config::Config& config, const config::Source& source, const Clock& clock)
      : source_(source),
        store_(clock),
        responders_(config.replies, clock, metrics_),
        typing_([](const Event&) {}, clock),
        watch_(store_),
        ports_{.store = store_,
               .helpdesks = helpdesks_,
               .responder = responders_.first(),
               .typing = typing_,
               .ledger = ledger_,
               .history = history_,
               .watch = watch_,
               .publish = [](const Event&) {},
               .clock = clock,
               .metrics = metrics_},
        writing_(ports_, config.replies) {
    helpdesks_.add(source, make_helpdesk_client(source), clock);
  }

  worker::Written write(const jobs::ReplyPayload& payload, const std::string& persona) {
    UnseenDraft draft;
    worker::AttemptCancellation cancellation;
    return writing_.write(
        {.payload = payload,
         .conversation = {payload.account_id, payload.conversation_id, payload.conversation},
         .source = source_,
         .client = *helpdesks_.find(source_.name)->client,
         .contact_name = payload.contact_name,
         .persona = persona},
        draft, cancellation);
  }

 private:
  const config::Source& source_;
  Metrics metrics_;
  jobs::MemoryJobStore store_;
  worker::HelpdeskDirectory helpdesks_;
  Responders responders_;
  worker::TypingFeed typing_;
  worker::MemoryReplyLedger ledger_;
  NoHistory history_;
  worker::ConversationWatch watch_;
  const worker::ReplyPorts ports_;
  const worker::ReplyWriting writing_;
};

void judge(const worker::Written& written, bool shadow, const config::Replies& replies,
           ReplyTrial& trial) {
  using WrittenKind = worker::Written::Kind;
  trial.tokens = written.answer.tokens;
  trial.first_token_ms = static_cast<double>(written.answer.first_token.count());
  switch (written.kind) {
    case WrittenKind::kAnswer:
      trial.decision = shadow ? "shadow" : "reply";
      trial.reason = "by_" + written.answer.responder;
      trial.text = written.text;
      trial.suggestions =
          worker::offered_suggestions(written.answer.suggestions, replies, trial.persona);
      return;
    case WrittenKind::kHandOff:
      trial.decision = "handoff";
      trial.reason = written.reason;
      trial.text = replies.hand_off.message;
      return;
    case WrittenKind::kInterrupted:
      trial.decision = "skip";
      trial.reason = written.reason;
      return;
    case WrittenKind::kFailed:
      trial.decision = "failed";
      trial.reason = std::string(name_of(written.error->code));
      trial.text = written.error->message;
      return;
  }
}

}  // namespace

Result<ReplyTrial> try_reply(const config::Config& config, const config::Source& source,
                             std::string_view body, const Clock& clock) {
  const MonotonicTime begun = clock.monotonic();
  const auto event = webhooks::parser_for(source.type).parse(body);
  if (!event) return fail(event.error());
  const std::string lane = jobs::lane_of(*event, source.name, source.name_space);
  const auto request =
      jobs::to_enqueue(*event, {.source = source.name,
                                .name_space = source.name_space,
                                .receipt = new_job_id(clock.wall_ms(), shard_of_lane(lane)).str(),
                                .delivery_id = {},
                                .body_sha256 = {},
                                .mapped_message_id = {},
                                .mapped_in_reply_to = {},
                                .now_ms = clock.wall_ms(),
                                .debounce = {},
                                .sla_attributes = nullptr,
                                .client_id = {},
                                .client_message_id = {},
                                .connection = {}});
  ReplyTrial trial;
  trial.event = event->vendor_event;
  trial.conversation = lane;
  trial.decision = "none";
  trial.reason = request.kind.empty() ? why_no_job(*event) : "";
  trial.parse_ms = ms_since(begun, clock);
  if (request.kind.empty()) return trial;

  const auto payload = jobs::decode_reply(request.payload);
  if (!payload) return fail(payload.error());
  trial.persona = worker::persona_of(config.replies, source.name, payload->inbox_id);
  const worker::Rollout rollout =
      worker::rollout_of(config.replies, source.name, payload->inbox_id, lane);
  trial.decision = "skip";
  trial.reason = "not_enabled";
  if (rollout == worker::Rollout::kOff) return trial;
  const worker::GuardFacts facts{.state = request.state.value_or(jobs::ConversationState{}),
                                 .now_ms = clock.wall_ms()};
  if (auto reason = worker::reason_to_skip(*payload, facts, source, config.replies)) {
    trial.reason = std::move(*reason);
    return trial;
  }
  Bench bench(config, source, clock);
  const MonotonicTime asked = clock.monotonic();
  const worker::Written written = bench.write(*payload, trial.persona);
  trial.answer_ms = ms_since(asked, clock);
  judge(written, rollout == worker::Rollout::kShadow, config.replies, trial);
  return trial;
}

}  // namespace deskwire::cli
