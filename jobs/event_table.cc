#include "jobs/event_table.h"

#include <initializer_list>
#include <nlohmann/json.hpp>

#include "core/channel.h"
#include "core/hash.h"
#include "core/json.h"
#include "jobs/channel_events.h"
#include "jobs/fact_encoding.h"
#include "jobs/reply_payload.h"

namespace deskwire::jobs {
namespace {

using nlohmann::json;
using Kind = HelpdeskEvent::Kind;

constexpr std::size_t kDigestLength = 12;
constexpr std::string_view kReplyKind = "reply";

/// 12 bytes: at a million deliveries a day the chance of one false duplicate in a century is far
/// below 1e-12, and `seen` stays small.
std::string short_digest(std::string_view source, std::initializer_list<std::string_view> parts) {
  std::string text(source);
  // Lengths keep ("a","bc") and ("ab","c") apart.
  for (const std::string_view part : parts) {
    text.append(1, '\0').append(std::to_string(part.size())).append(1, ':').append(part);
  }
  return sha256(text).substr(0, kDigestLength);
}

bool is_typing(const HelpdeskEvent& event) {
  return event.kind == Kind::kTypingOn || event.kind == Kind::kTypingOff;
}

bool is_echo(const HelpdeskEvent& event) {
  return (event.kind == Kind::kMessageCreated || event.kind == Kind::kMessageUpdated) &&
         !event.incoming && is_our_message_id(event.source_id);
}

bool is_note(const HelpdeskEvent& event) {
  return event.kind == Kind::kMessageCreated && event.is_private && !event.incoming;
}

/// A created message that may be ours without saying so.
bool may_be_our_post(const HelpdeskEvent& event) {
  return event.own_by_id && event.kind == Kind::kMessageCreated && !event.incoming;
}

/// A customer's message that our own gateway brought into the helpdesk: people have seen it
/// already, but it wants an answer like any other.
bool is_own_incoming(const HelpdeskEvent& event) {
  return event.kind == Kind::kMessageCreated && event.incoming &&
         is_our_message_id(event.source_id);
}

bool is_public_message(const HelpdeskEvent& event) {
  return event.kind == Kind::kMessageCreated && !event.is_private && !event.activity;
}

bool asks_for_reply(const HelpdeskEvent& event) {
  if (event.kind == Kind::kMessageUpdated) {
    return event.submitted_choice.has_value() && !event.is_private && !event.deleted;
  }
  return is_public_message(event) && event.incoming;
}

/// These happen once to their object, which so tells two of them apart.
bool is_creation(const HelpdeskEvent& event) {
  return event.kind == Kind::kMessageCreated || event.kind == Kind::kConversationCreated ||
         event.kind == Kind::kContactCreated;
}

std::vector<std::string> dedupe_keys(const HelpdeskEvent& event, const EventContext& context) {
  std::vector<std::string> keys;
  if (is_typing(event)) return keys;
  const std::string_view source = context.source;
  if (!context.delivery_id.empty()) {
    keys.push_back(short_digest(source, {"delivery", context.delivery_id}));
  }
  if (!context.client_message_id.empty()) {
    keys.push_back(
        short_digest(source, {"client_message", context.client_id, context.client_message_id}));
  }
  if (is_creation(event)) {
    keys.push_back(short_digest(source, {"event", name_of(event.kind), event.object_id}));
  } else if (!context.body_sha256.empty()) {
    keys.push_back(
        short_digest(source, {"event", event.vendor_event, event.object_id, context.body_sha256}));
  }
  if (event.kind == Kind::kMessageUpdated && event.submitted_choice) {
    keys.push_back(short_digest(source, {"choice", event.object_id, *event.submitted_choice}));
  }
  return keys;
}

std::string reply_payload(const HelpdeskEvent& event, const EventContext& context,
                          const std::string& lane) {
  ReplyPayload payload;
  payload.source = context.source;
  payload.conversation = lane;
  payload.conversation_id = event.conversation_id;
  payload.account_id = event.account_id;
  payload.message_id = event.object_id;
  if (is_own_incoming(event)) payload.shown_id = event.source_id;
  payload.content = event.submitted_choice.value_or(event.content);
  payload.contact_name = event.contact_name;
  if (payload.contact_name.empty() && event.incoming) payload.contact_name = event.sender.name;
  payload.status = event.status;
  payload.assignee_type = event.assignee_type;
  payload.assignee_id = event.assignee_id;
  payload.inbox_id = event.inbox_id;
  payload.labels = event.labels.value_or(std::vector<std::string>{});
  payload.attributes = event.contact_attributes;
  for (const Attachment& attachment : event.attachments) {
    payload.attachments.push_back(
        attachment.name.empty() ? attachment.kind : attachment.kind + " " + attachment.name);
  }
  payload.created_at_ms = event.submitted_choice ? 0 : event.created_at_ms;
  payload.accepted_at_ms = context.now_ms;
  payload.simulate = event.simulate;
  return encode(payload);
}

ConversationState state_of(const HelpdeskEvent& event, const EventContext& context) {
  ConversationState state;
  state.status = event.status;
  if (event.assignee_known) {
    state.assignee_type = event.assignee_id.empty() ? "none" : event.assignee_type;
    state.assignee_id = event.assignee_id;
  }
  state.inbox_kind = event.inbox_kind;
  state.contact_name = event.contact_name;
  state.source = context.source;
  state.updated_at_ms = event.updated_at_ms;
  if (is_public_message(event)) {
    state.last_sender = name_of(event.sender.type);
    state.last_message_id = event.object_id;
  } else if (asks_for_reply(event)) {
    state.last_sender = name_of(SenderType::kContact);
    state.last_message_id = event.object_id;
  }
  return state;
}

/// What the message says now; nullopt where the event does not tell.
std::optional<MessageText> text_of(const HelpdeskEvent& event, const EventContext& context,
                                   std::string_view lane) {
  MessageText text{event.object_id, event.content, edit_event(event, context, lane),
                   event.surely_edited, event.deleted};
  const bool shown = event.kind == Kind::kMessageCreated || event.deleted;
  if (!shown && !text.edited) return std::nullopt;
  return text;
}

}  // namespace

std::string lane_of(const HelpdeskEvent& event, std::string_view source,
                    std::string_view name_space) {
  if (!event.conversation_id.empty()) return conversation_key(name_space, event.conversation_id);
  const bool contact = event.kind == Kind::kContactCreated && !event.object_id.empty();
  std::string id = contact ? "contact-" : "other-";
  id += contact || !event.object_id.empty() ? std::string_view(event.object_id) : source;
  return conversation_key(name_space, id);
}

EnqueueRequest to_enqueue(const HelpdeskEvent& event, const EventContext& context) {
  if (context.mapped_message_id == kPrivateNote) {
    // Not every update says again that it is about a note.
    HelpdeskEvent note = event;
    note.is_private = true;
    EventContext of_note = context;
    of_note.mapped_message_id.clear();
    return to_enqueue(note, of_note);
  }
  EnqueueRequest request;
  request.lane = lane_of(event, context.source, context.name_space);
  request.receipt = context.receipt;
  request.dedupe_keys = dedupe_keys(event, context);
  request.max_attempts = context.max_attempts;
  if (event.conversation_id.empty()) return request;
  request.fact = encode_fact(event, context);
  if (event.activity) return request;
  // Typing comes often and repeats the state that the message before it has brought.
  if (!is_typing(event)) request.state = state_of(event, context);
  request.text = text_of(event, context, request.lane);
  if (is_echo(event)) request.echo = std::pair(event.object_id, event.source_id);
  if (event.kind == Kind::kMessageCreated && is_echo(event)) return request;
  if (is_note(event)) request.echo = std::pair(event.object_id, std::string(kPrivateNote));
  if (may_be_our_post(event) && !context.mapped_message_id.empty()) return request;
  if (is_own_incoming(event)) {
    request.echo = std::pair(event.object_id, event.source_id);
  } else {
    request.events = channel_events(event, context, request.lane);
  }
  if (asks_for_reply(event)) {
    request.kind = kReplyKind;
    request.payload = reply_payload(event, context, request.lane);
    request.debounce = context.debounce;
  }
  return request;
}

std::optional<Debounce> debounce_of(const config::Debounce& settings) {
  if (settings.quiet.count() <= 0) return std::nullopt;
  return Debounce{settings.quiet, settings.max_wait, settings.max_n};
}

std::set<std::string> sla_attributes_of(const config::Sla& settings) {
  std::set<std::string> names;
  const auto collect = [&](const std::vector<config::SlaCondition>& conditions) {
    for (const config::SlaCondition& condition : conditions) {
      if (condition.field.find('.') != std::string::npos) names.insert(condition.field);
    }
  };
  for (const config::SlaPolicy& policy : settings.policies) {
    collect(policy.all);
    collect(policy.any);
  }
  return names;
}

bool needs_body_digest(const HelpdeskEvent& event) {
  return !is_creation(event) && !is_typing(event);
}

bool needs_mapping(const HelpdeskEvent& event) {
  if (may_be_our_post(event)) return !event.conversation_id.empty();
  return event.kind == Kind::kMessageUpdated && !event.incoming && !event.conversation_id.empty() &&
         !is_our_message_id(event.source_id);
}

bool needs_reply_mapping(const HelpdeskEvent& event) {
  return event.kind == Kind::kMessageCreated && !event.in_reply_to.empty() &&
         !event.conversation_id.empty() && !is_our_message_id(event.in_reply_to);
}

EnqueueRequest to_unparsable(std::string_view raw_body, std::string_view reason,
                             const EventContext& context) {
  EnqueueRequest request;
  request.lane = lane_of(HelpdeskEvent{}, context.source, context.name_space);
  request.receipt = context.receipt;
  if (!context.delivery_id.empty()) {
    request.dedupe_keys.push_back(short_digest(context.source, {"delivery", context.delivery_id}));
  }
  request.dedupe_keys.push_back(short_digest(context.source, {"unparsable", context.body_sha256}));
  request.kind = kDeliveryKind;
  request.payload = dump_json({{"v", 1},
                               {"source", context.source},
                               {"delivery", context.delivery_id},
                               {"body", raw_body}});
  request.max_attempts = context.max_attempts;
  request.bury_code = "unparsable";
  request.bury_message = reason;
  return request;
}

}  // namespace deskwire::jobs
