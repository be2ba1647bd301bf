#include "jobs/channel_events.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "core/channel.h"
#include "core/hash.h"
#include "core/ids.h"
#include "core/json.h"

namespace deskwire::jobs {
namespace {

using nlohmann::json;
using Kind = HelpdeskEvent::Kind;

json null_if_empty(const std::string& text) { return text.empty() ? json(nullptr) : json(text); }

/// `changes` hold JSON texts that the source's parser has dumped; a foreign one reads as null.
json value_of(const std::string& text) {
  Result<json> parsed = parse_json(text);
  return parsed ? std::move(*parsed) : json(nullptr);
}

std::string_view actor_of(SenderType type) {
  if (type == SenderType::kContact) return "customer";
  return type == SenderType::kBot ? "ai" : "agent";
}

json sender_json(const Sender& sender) {
  return {{"id", sender.id}, {"name", sender.name}, {"type", name_of(sender.type)}};
}

json attachments_json(const std::vector<Attachment>& attachments) {
  json list = json::array();
  for (const Attachment& attachment : attachments) {
    list.push_back({{"type", attachment.kind},
                    {"url", attachment.url},
                    {"name", attachment.name},
                    {"size", attachment.size}});
  }
  return list;
}

/// Collects the events of one helpdesk event.
class Writer {
 public:
  Writer(const HelpdeskEvent& event, const EventContext& context, std::string_view lane)
      : event_(event),
        context_(context),
        lane_(lane),
        public_(conversation_channel(lane)),
        internal_(internal_channel(lane)) {}

  std::vector<Event> take() && { return std::move(events_); }

  void message() {
    const bool from_customer = event_.incoming;
    append(audience(), from_customer ? "message:user" : "message:agent",
           message_data(channel_message_id(event_, context_), event_.content, event_.content_type,
                        event_.sender, answered_id()),
           event_.object_id, false);
  }

  void message_update() {
    const std::string id = channel_message_id(event_, context_);
    if (event_.deleted) {
      append(audience(), "message:deleted", {{"messageId", id}, {"reason", "deleted"}}, id, true);
      return;
    }
    if (event_.submitted_choice) {
      append(audience(), "message:user",
             message_data(choice_message_id(event_), *event_.submitted_choice, "text",
                          contact_of(event_), id),
             id + '\0' + *event_.submitted_choice, true);
    }
    if (!event_.message_status.empty()) {
      json data = {{"messageId", id}, {"status", event_.message_status}};
      if (id != event_.object_id) data["helpdeskId"] = event_.object_id;
      if (!event_.failure.empty()) data["reason"] = event_.failure;
      append(audience(), "message:status", std::move(data), id + '\0' + event_.message_status,
             true);
    }
  }

  void edit() {
    // Going back to an earlier text is an edit of its own.
    const std::string id = channel_message_id(event_, context_);
    append(audience(), "message:edited",
           {{"messageId", id},
            {"content", event_.content},
            {"contentType", event_.content_type},
            {"attachments", attachments_json(event_.attachments)}},
           id + '\0' + context_.receipt, false);
  }

  void created() {
    append(public_, "conversation:status",
           {{"from", nullptr}, {"to", null_if_empty(event_.status)}}, "created", true);
  }

  void status() {
    if (event_.status.empty()) return;
    json from = nullptr;
    if (const auto change = event_.changes.find("status"); change != event_.changes.end()) {
      from = value_of(change->second.first);
    }
    append(public_, "conversation:status", {{"from", std::move(from)}, {"to", event_.status}},
           version() + '\0' + event_.status, true);
  }

  void update() {
    if (event_.changes.contains("status")) status();
    if (event_.changes.contains("assignee")) assigned();
    if (event_.changes.empty()) return;
    json from = json::object();
    json to = json::object();
    std::string identity = version();
    for (const auto& [name, change] : event_.changes) {
      from[name] = value_of(change.first);
      to[name] = value_of(change.second);
      identity.append(1, '\0').append(name).append(1, '=').append(change.second);
    }
    append(internal_, "conversation:updated", {{"from", std::move(from)}, {"to", std::move(to)}},
           identity, true);
  }

  void typing(std::string_view name) {
    append(event_.is_private ? internal_ : public_, name,
           {{"actor", actor_of(event_.sender.type)},
            {"sender", {{"id", event_.sender.id}, {"name", event_.sender.name}}}},
           context_.receipt, false);
  }

 private:
  /// The message that this one answers, as channels know it.
  const std::string& answered_id() const {
    const std::string& mapped = context_.mapped_in_reply_to;
    return mapped.empty() || mapped == kPrivateNote ? event_.in_reply_to : mapped;
  }

  const std::string& audience() const { return event_.is_private ? internal_ : public_; }

  /// What tells two changes to the same value apart; two webhooks of one change agree on it.
  std::string version() const {
    return event_.updated_at_ms != 0 ? std::to_string(event_.updated_at_ms) : context_.body_sha256;
  }

  json message_data(const std::string& id, const std::string& content,
                    const std::string& content_type, const Sender& sender,
                    const std::string& in_reply_to) const {
    json data = {{"messageId", id},
                 {"content", content},
                 {"contentType", content_type},
                 {"attachments", attachments_json(event_.attachments)},
                 {"sender", sender_json(sender)}};
    if (!in_reply_to.empty()) data["inReplyTo"] = in_reply_to;
    if (!context_.client_message_id.empty()) data["clientMessageId"] = context_.client_message_id;
    return data;
  }

  void assigned() {
    json from = nullptr;
    const json old_id = value_of(event_.changes.at("assignee").first);
    if (!old_id.is_null()) from = {{"id", old_id}};
    json to = nullptr;
    if (!event_.assignee_id.empty()) {
      to = {{"id", event_.assignee_id},
            {"name", event_.assignee_name},
            {"type", event_.assignee_type}};
    }
    append(public_, "conversation:assigned", {{"from", std::move(from)}, {"to", std::move(to)}},
           version() + '\0' + event_.assignee_type + event_.assignee_id, true);
  }

  void append(const std::string& channel, std::string_view name, json data,
              const std::string& identity, bool once) {
    data["timestamp"] = context_.now_ms;
    Event out;
    out.channel = channel;
    out.id = derived_id(name, channel, identity);
    out.name = name;
    out.client_id = context_.client_id;
    out.connection = context_.connection;
    out.timestamp = context_.now_ms;
    out.data = dump_json(data);
    out.once = once;
    events_.push_back(std::move(out));
  }

  const HelpdeskEvent& event_;
  const EventContext& context_;
  std::string_view lane_;
  std::string public_;
  std::string internal_;
  std::vector<Event> events_;
};

}  // namespace

std::string channel_message_id(const HelpdeskEvent& event, const EventContext& context) {
  if (is_our_message_id(event.source_id)) return event.source_id;
  return context.mapped_message_id.empty() ? event.object_id : context.mapped_message_id;
}

std::string choice_message_id(const HelpdeskEvent& event) { return event.object_id + "-choice"; }

Sender contact_of(const HelpdeskEvent& event) {
  return Sender{event.contact_id, event.contact_name, SenderType::kContact};
}

std::optional<Event> edit_event(const HelpdeskEvent& event, const EventContext& context,
                                std::string_view lane) {
  if (event.kind != Kind::kMessageUpdated || event.deleted || !event.edited) return std::nullopt;
  Writer writer(event, context, lane);
  writer.edit();
  return std::move(writer).take().front();
}

std::vector<Event> channel_events(const HelpdeskEvent& event, const EventContext& context,
                                  std::string_view lane) {
  Writer writer(event, context, lane);
  switch (event.kind) {
    case Kind::kMessageCreated:
      writer.message();
      break;
    case Kind::kMessageUpdated:
      writer.message_update();
      break;
    case Kind::kConversationCreated:
      writer.created();
      break;
    case Kind::kConversationStatus:
      writer.status();
      break;
    case Kind::kConversationUpdated:
      writer.update();
      break;
    case Kind::kTypingOn:
      writer.typing("typing:start");
      break;
    case Kind::kTypingOff:
      writer.typing("typing:stop");
      break;
    case Kind::kConversationDeleted:
    case Kind::kContactCreated:
    case Kind::kOther:
      break;
  }
  return std::move(writer).take();
}

}  // namespace deskwire::jobs
