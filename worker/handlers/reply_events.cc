#include "worker/handlers/reply_events.h"

#include <nlohmann/json.hpp>

#include "core/channel.h"
#include "core/ids.h"
#include "core/json.h"
#include "jobs/helpdesk_event.h"
#include "jobs/job_store.h"

namespace deskwire::worker {
namespace {

using nlohmann::json;

Event on_channel(const Writer& writer, std::string name, std::string id, const json& data,
                 std::int64_t now_ms) {
  Event event;
  event.channel = writer.shadow ? internal_channel(writer.lane) : conversation_channel(writer.lane);
  event.id = std::move(id);
  event.name = std::move(name);
  event.timestamp = now_ms;
  event.data = dump_json(data);
  return event;
}

/// For what may be appended by more than one attempt or replay.
Event once(Event event) {
  event.once = true;
  return event;
}

}  // namespace

Event message_ai(const jobs::Lease& lease, const jobs::ReplyPayload& payload,
                 const std::string& content, const Writer& writer, const ReplyTiming& timing,
                 std::int64_t now_ms) {
  const json data{
      {"messageId", jobs::our_message_id(lease.root.str(), 1)},
      {"content", content},
      {"contentType", "text"},
      {"attachments", json::array()},
      {"sender", {{"id", "ai"}, {"name", writer.persona}, {"type", "bot"}}},
      {"inReplyTo", payload.shown_id.empty() ? payload.message_id : payload.shown_id},
      {"persona", writer.persona},
      {"timing", {{"queue_duration_ms", timing.queue_ms}, {"ai_duration_ms", timing.ai_ms}}},
      {"timestamp", now_ms}};
  // The intent's memory of what was shown guards it (JobStore::intend).
  return on_channel(writer, "message:ai", derived_id("message:ai", lease.root.str()), data, now_ms);
}

Event message_sent(const jobs::Lease& lease, const Writer& writer, const std::string& helpdesk_id,
                   std::int64_t now_ms) {
  const json data{{"messageId", jobs::our_message_id(lease.root.str(), 1)},
                  {"status", "sent"},
                  {"helpdeskId", helpdesk_id},
                  {"timestamp", now_ms}};
  // The completion that closes the effect guards it (jobs::CompletedJob).
  return on_channel(writer, "message:status",
                    derived_id("message:status", lease.root.str(), "sent"), data, now_ms);
}

Event message_unfinished(const jobs::Lease& lease, const Writer& writer) {
  const json data{{"messageId", jobs::our_message_id(lease.root.str(), 1)},
                  {"status", "failed"},
                  {"reason", jobs::kReasonPlaceholder},
                  {"timestamp", jobs::kNowPlaceholder}};
  return once(on_channel(writer, "message:status",
                         derived_id("message:status", lease.id.str(), "failed"), data, -1));
}

Event ai_typing(const Writer& writer, bool on, std::int64_t now_ms) {
  const json data{
      {"actor", "ai"}, {"sender", {{"id", "ai"}, {"name", writer.persona}}}, {"timestamp", now_ms}};
  return on_channel(writer, on ? "typing:start" : "typing:stop", new_ulid(now_ms), data, now_ms);
}

Event suggestions(const jobs::Lease& lease, const Writer& writer,
                  const std::vector<std::string>& texts, std::int64_t now_ms) {
  const json data{{"suggestions", texts},
                  {"persona", writer.persona},
                  {"inReplyTo", jobs::our_message_id(lease.root.str(), 1)},
                  {"timestamp", now_ms}};
  return on_channel(writer, "ui:suggestions", derived_id("ui:suggestions", lease.root.str()), data,
                    now_ms);
}

Event handed_off(const jobs::Lease& lease, const std::string& reason, std::int64_t now_ms) {
  const json data{{"from", "ai"}, {"to", "human"}, {"reason", reason}, {"timestamp", now_ms}};
  return once(on_channel({lease.lane, {}, false}, "conversation:handoff",
                         derived_id("conversation:handoff", lease.id.str()), data, now_ms));
}

}  // namespace deskwire::worker
