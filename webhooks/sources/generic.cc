#include "webhooks/sources/generic.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/json.h"
#include "webhooks/sources/payload_fields.h"

namespace deskwire::webhooks {
namespace {

using jobs::HelpdeskEvent;
using jobs::Sender;
using jobs::SenderType;
using nlohmann::json;
using Kind = HelpdeskEvent::Kind;

constexpr std::size_t kMaxAttachments = 32;

constexpr std::array<std::pair<std::string_view, Kind>, 10> kEvents{{
    {"message_created", Kind::kMessageCreated},
    {"message_updated", Kind::kMessageUpdated},
    {"conversation_created", Kind::kConversationCreated},
    {"conversation_status_changed", Kind::kConversationStatus},
    {"conversation_updated", Kind::kConversationUpdated},
    {"conversation_deleted", Kind::kConversationDeleted},
    {"conversation_merged", Kind::kConversationDeleted},
    {"typing_on", Kind::kTypingOn},
    {"typing_off", Kind::kTypingOff},
    {"contact_created", Kind::kContactCreated},
}};

Kind kind_of(std::string_view name) {
  const auto* found = std::find_if(kEvents.begin(), kEvents.end(),
                                   [name](const auto& row) { return row.first == name; });
  return found == kEvents.end() ? Kind::kOther : found->second;
}

SenderType sender_type_of(std::string_view type, SenderType fallback) {
  if (type == "contact") return SenderType::kContact;
  if (type == "user") return SenderType::kUser;
  if (type == "bot") return SenderType::kBot;
  if (type == "system") return SenderType::kSystem;
  return fallback;
}

Sender read_sender(const json& object, SenderType fallback) {
  const json& record = object_at(object, "sender");
  return {text_id_at(record, "id"), person_name_at(record, "name"),
          sender_type_of(string_at(record, "type"), fallback)};
}

/// What SLA policies match on, and what the sender knows of waiting customers.
void read_sla_fields(const json& conversation, HelpdeskEvent& event) {
  event.inbox_id = text_id_at(conversation, "inbox");
  if (conversation.contains("priority")) event.priority = word_at(conversation, "priority");
  if (conversation.contains("team")) event.team = person_name_at(conversation, "team");
  if (conversation.contains("labels")) event.labels = short_texts_at(conversation, "labels");
  read_attributes(object_at(conversation, "contact"), "contact", event.attributes);
  read_attributes(conversation, "conversation", event.attributes);
  event.helpdesk_sla = person_name_at(conversation, "sla");
  event.waiting_since_ms = time_ms_at(conversation, "waiting_since", EpochUnit::kMilliseconds);
  event.first_reply_at_ms = time_ms_at(conversation, "first_reply_at", EpochUnit::kMilliseconds);
}

void read_conversation(const json& root, HelpdeskEvent& event) {
  const json& conversation = object_at(root, "conversation");
  event.conversation_id = text_id_at(conversation, "id");
  event.status = conversation_status_at(conversation, "status");
  event.updated_at_ms = time_ms_at(conversation, "updated_at", EpochUnit::kMilliseconds);
  const json& contact = object_at(conversation, "contact");
  event.contact_id = text_id_at(contact, "id");
  event.contact_name = person_name_at(contact, "name");
  read_sla_fields(conversation, event);
  event.contact_attributes = attributes_at(contact, "custom_attributes");
  if (!conversation.contains("assignee")) return;
  event.assignee_known = true;
  const json& assignee = object_at(conversation, "assignee");
  event.assignee_id = text_id_at(assignee, "id");
  if (event.assignee_id.empty()) return;
  event.assignee_name = person_name_at(assignee, "name");
  event.assignee_type = string_at(assignee, "type") == "bot" ? "bot" : "user";
}

void read_attachments(const json& message, HelpdeskEvent& event) {
  for (const json& item : array_at(message, "attachments")) {
    if (event.attachments.size() == kMaxAttachments) return;
    jobs::Attachment attachment;
    attachment.kind = word_at(item, "type");
    attachment.url = safe_url_at(item, "url");
    attachment.name = person_name_at(item, "name");
    attachment.size = std::max<std::int64_t>(integer_at(item, "size").value_or(0), 0);
    event.attachments.push_back(std::move(attachment));
  }
}

Result<HelpdeskEvent> read_message(const json& root, HelpdeskEvent event) {
  const json& message = object_at(root, "message");
  event.object_id = text_id_at(message, "id");
  if (event.object_id.empty()) return bad_shape(event.vendor_event, "message.id is missing");
  if (event.conversation_id.empty()) {
    return bad_shape(event.vendor_event, "conversation.id is missing");
  }
  const std::string type = string_at(message, "type");
  if (type != "incoming" && type != "outgoing") {
    return bad_shape(event.vendor_event, "message.type is neither incoming nor outgoing");
  }
  event.incoming = type == "incoming";
  event.is_private = private_at(message, "private");
  if (has_odd_content(message)) return bad_shape(event.vendor_event, "content is no text");
  event.content = content_at(message, "content");
  if (std::string word = word_at(message, "content_type"); !word.empty()) {
    event.content_type = std::move(word);
  }
  event.sender = read_sender(message, event.incoming ? SenderType::kContact : SenderType::kSystem);
  if (event.incoming) event.sender.type = SenderType::kContact;
  if (!event.incoming && event.sender.type == SenderType::kContact) {
    event.sender.type = SenderType::kSystem;
  }
  event.source_id = text_id_at(message, "source_id");
  event.in_reply_to = text_id_at(message, "in_reply_to");
  event.created_at_ms = time_ms_at(message, "created_at", EpochUnit::kMilliseconds);
  read_attachments(message, event);
  if (event.kind != Kind::kMessageUpdated) return event;
  // An update holds what changed, nothing else.
  event.deleted = bool_at(message, "deleted");
  event.edited = !event.deleted && message.contains("content");
  event.surely_edited = event.edited;
  event.message_status = message_status_at(message, "status");
  if (std::string choice = content_at(message, "choice"); !choice.empty()) {
    event.submitted_choice = std::move(choice);
  }
  return event;
}

void read_changes(const json& root, HelpdeskEvent& event) {
  static constexpr std::array<const char*, 7> kNames{
      "status", "assignee", "priority", "labels", "team", "custom_attributes", "snoozed_until"};
  const json& changes = object_at(root, "changes");
  for (const char* name : kNames) {
    const json& change = object_at(changes, name);
    if (change.empty()) continue;
    event.changes[name] = {dump_json(change.value("from", json(nullptr))),
                           dump_json(change.value("to", json(nullptr)))};
  }
}

Result<HelpdeskEvent> read_conversation_event(const json& root, HelpdeskEvent event) {
  event.object_id = event.conversation_id;
  if (event.conversation_id.empty()) {
    return bad_shape(event.vendor_event, "conversation.id is missing");
  }
  if (event.kind == Kind::kConversationStatus && event.status.empty()) {
    return bad_shape(event.vendor_event, "conversation.status is missing or unknown");
  }
  event.created_at_ms =
      time_ms_at(object_at(root, "conversation"), "created_at", EpochUnit::kMilliseconds);
  read_changes(root, event);
  return event;
}

Result<HelpdeskEvent> read_typing(const json& root, HelpdeskEvent event) {
  event.object_id = event.conversation_id;
  if (event.conversation_id.empty()) {
    return bad_shape(event.vendor_event, "conversation.id is missing");
  }
  event.sender = read_sender(root, SenderType::kContact);
  event.is_private = private_at(root, "private");
  return event;
}

}  // namespace

Result<HelpdeskEvent> read_generic_event(const json& root) {
  HelpdeskEvent event;
  event.vendor_event = string_at(root, "event");
  if (!is_event_name(event.vendor_event)) {
    return bad_shape("delivery", "event is missing or no event name");
  }
  event.kind = kind_of(event.vendor_event);
  event.merged = event.vendor_event == "conversation_merged";
  event.account_id = text_id_at(root, "account_id");
  read_conversation(root, event);
  switch (event.kind) {
    case Kind::kMessageCreated:
    case Kind::kMessageUpdated:
      return read_message(root, std::move(event));
    case Kind::kConversationCreated:
    case Kind::kConversationStatus:
    case Kind::kConversationUpdated:
    case Kind::kConversationDeleted:
      return read_conversation_event(root, std::move(event));
    case Kind::kTypingOn:
    case Kind::kTypingOff:
      return read_typing(root, std::move(event));
    case Kind::kContactCreated:
      event.object_id = text_id_at(object_at(root, "contact"), "id");
      if (event.object_id.empty()) return bad_shape(event.vendor_event, "contact.id is missing");
      return event;
    case Kind::kOther:
      return event;
  }
  return event;
}

std::span<const std::string_view> GenericParser::schemes() const {
  static constexpr std::array<std::string_view, 1> kSchemes{"standard-webhooks"};
  return kSchemes;
}

Result<HelpdeskEvent> GenericParser::parse(std::string_view body) const {
  const Result<json> root = parse_body(body);
  if (!root) return fail(root.error());
  return read_generic_event(*root);
}

}  // namespace deskwire::webhooks
