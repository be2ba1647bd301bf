#include "webhooks/sources/chatwoot.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/json.h"
#include "jobs/mail_text.h"
#include "jobs/plain_content.h"
#include "webhooks/sources/payload_fields.h"

namespace deskwire::webhooks {
namespace {

using jobs::HelpdeskEvent;
using jobs::Sender;
using jobs::SenderType;
using nlohmann::json;
using Kind = HelpdeskEvent::Kind;

constexpr std::size_t kMaxAttachments = 32;  // Chatwoot itself allows 15.

/// Nothing is read under these, and they are a good part of every payload.
constexpr std::array<std::string_view, 7> kIgnoredKeys{
    "additional_attributes",     "avatar",    "contact_inbox", "external_source_ids",
    "processed_message_content", "sentiment", "thumbnail"};

/// How an event's payload is to be read.
enum class Shape : std::uint8_t { kMessage, kConversation, kTyping, kContact, kWidget, kOther };

struct EventRow {
  std::string_view name;
  Kind kind;
  Shape shape;
};

constexpr std::array<EventRow, 15> kEvents{{
    {"message_created", Kind::kMessageCreated, Shape::kMessage},
    {"message_updated", Kind::kMessageUpdated, Shape::kMessage},
    {"conversation_created", Kind::kConversationCreated, Shape::kConversation},
    {"conversation_status_changed", Kind::kConversationStatus, Shape::kConversation},
    // The deprecated doubles of conversation_status_changed, sent to bots beside it.
    {"conversation_opened", Kind::kConversationStatus, Shape::kConversation},
    {"conversation_resolved", Kind::kConversationStatus, Shape::kConversation},
    {"conversation_updated", Kind::kConversationUpdated, Shape::kConversation},
    {"conversation_typing_on", Kind::kTypingOn, Shape::kTyping},
    {"conversation_typing_off", Kind::kTypingOff, Shape::kTyping},
    {"contact_created", Kind::kContactCreated, Shape::kContact},
    {"contact_updated", Kind::kOther, Shape::kContact},
    {"webwidget_triggered", Kind::kOther, Shape::kWidget},
    // Neither has an id; their channel record holds credentials, so nothing of it is read.
    {"inbox_created", Kind::kOther, Shape::kOther},
    {"inbox_updated", Kind::kOther, Shape::kOther},
    {"macro.executed", Kind::kOther, Shape::kConversation},
}};
constexpr std::string_view kAutomationPrefix = "automation_event.";

EventRow row_of(std::string_view name) {
  const auto* row = std::find_if(kEvents.begin(), kEvents.end(),
                                 [name](const EventRow& r) { return r.name == name; });
  if (row != kEvents.end()) return *row;
  const bool automation = name.starts_with(kAutomationPrefix);
  return {name, Kind::kOther, automation ? Shape::kConversation : Shape::kOther};
}

const json& first_message(const json& conversation) {
  static const json none = json::object();
  const json& messages = array_at(conversation, "messages");
  return messages.empty() ? none : messages.front();
}

/// A contact's record has no `type` at the top level of a payload; users and bots always have one.
SenderType sender_type_of(const json& sender) {
  const std::string type = string_at(sender, "type");
  if (type == "user") return SenderType::kUser;
  if (type == "agent_bot" || type == "captain_assistant") return SenderType::kBot;
  const bool contact = type == "contact" || sender.contains("blocked") ||
                       sender.contains("identifier") || sender.contains("phone_number");
  return contact ? SenderType::kContact : SenderType::kSystem;
}

Sender read_sender(const json& object, std::string_view key) {
  const json& record = object_at(object, key);
  if (record.empty()) return {};
  return {text_id_at(record, "id"), person_name_at(record, "name"), sender_type_of(record)};
}

/// What policies match on, and what Chatwoot's own clocks say.
void read_sla_fields(const json& conversation, HelpdeskEvent& event) {
  const json& meta = object_at(conversation, "meta");
  event.inbox_id = text_id_at(conversation, "inbox_id");
  if (conversation.contains("priority")) event.priority = word_at(conversation, "priority");
  if (meta.contains("team")) {
    const json& team = object_at(meta, "team");
    const std::string name = person_name_at(team, "name");
    event.team = name.empty() ? text_id_at(team, "id") : name;
  }
  if (conversation.contains("labels")) event.labels = short_texts_at(conversation, "labels");
  read_attributes(object_at(meta, "sender"), "contact", event.attributes);
  read_attributes(conversation, "conversation", event.attributes);
  event.helpdesk_sla = person_name_at(object_at(conversation, "applied_sla"), "sla_name");
  event.waiting_since_ms = time_ms_at(conversation, "waiting_since", EpochUnit::kSeconds);
  event.first_reply_at_ms = time_ms_at(conversation, "first_reply_created_at", EpochUnit::kSeconds);
}

void read_assignee(const json& meta, HelpdeskEvent& event) {
  if (!meta.contains("assignee")) return;
  event.assignee_known = true;
  const json& assignee = object_at(meta, "assignee");
  event.assignee_id = text_id_at(assignee, "id");
  if (event.assignee_id.empty()) return;
  event.assignee_name = person_name_at(assignee, "name");
  const std::string type = string_at(meta, "assignee_type", string_at(assignee, "type"));
  event.assignee_type = type == "AgentBot" || type == "agent_bot" ? "bot" : "user";
}

/// What the account keeps of a contact, as texts.
std::map<std::string, std::string> contact_attributes(const json& contact) {
  auto attributes = attributes_at(contact, "custom_attributes");
  for (const char* name : {"email", "phone_number", "identifier"}) {
    std::string value = person_name_at(contact, name);
    if (!value.empty()) attributes[name] = std::move(value);
  }
  return attributes;
}

/// CONVERSATION: `id` is the display id, per account.
void read_conversation(const json& conversation, HelpdeskEvent& event) {
  event.conversation_id = text_id_at(conversation, "id");
  event.status = conversation_status_at(conversation, "status");
  event.updated_at_ms = time_ms_at(conversation, "updated_at", EpochUnit::kSeconds);
  event.inbox_kind = text_id_at(conversation, "channel");
  const json& meta = object_at(conversation, "meta");
  const json& contact = object_at(meta, "sender");
  event.contact_id = text_id_at(contact, "id");
  event.contact_name = person_name_at(contact, "name");
  event.contact_attributes = contact_attributes(contact);
  read_assignee(meta, event);
  read_sla_fields(conversation, event);
  if (event.account_id.empty()) {
    event.account_id = text_id_at(object_at(conversation, "account"), "id");
  }
  // Before 4.14.2 a conversation does not name its account, but its newest message does.
  if (event.account_id.empty()) {
    event.account_id = text_id_at(first_message(conversation), "account_id");
  }
}

void read_attachments(const json& root, HelpdeskEvent& event) {
  for (const json& item : array_at(root, "attachments")) {
    if (event.attachments.size() == kMaxAttachments) return;
    jobs::Attachment attachment;
    attachment.kind = word_at(item, "file_type");
    attachment.url = safe_url_at(item, "data_url");
    attachment.name = person_name_at(item, "fallback_title");
    attachment.size = std::max<std::int64_t>(integer_at(item, "file_size").value_or(0), 0);
    event.attachments.push_back(std::move(attachment));
  }
}

/// What the visitor picked or filled in: titles of options, "name: value" of form fields.
/// A survey's answer is an object, not a list, and is nothing to reply to.
std::optional<std::string> submitted_choice(const json& content_attributes) {
  std::string text;
  for (const json& entry : array_at(content_attributes, "submitted_values")) {
    std::string value = content_at(entry, "title");
    if (value.empty()) value = content_at(entry, "value");
    if (const std::string name = person_name_at(entry, "name"); !name.empty() && !value.empty()) {
      value.insert(0, name + ": ");
    }
    if (value.empty()) continue;
    if (!text.empty()) text += '\n';
    text += value;
  }
  if (text.empty()) return std::nullopt;
  return text;
}

/// message_updated does not say what changed. Its status is only known while it is the newest
/// message of the conversation (conversation.messages[0]).
///
/// Outgoing messages are updated for many reasons (delivery receipts, the channel's own id arriving
/// as source_id). Where it is not known what such a message said before, it is taken for edited
/// only where none of these can be the cause.
void read_update(const json& root, const json& conversation, HelpdeskEvent& event) {
  const json& attributes = object_at(root, "content_attributes");
  event.deleted = bool_at(attributes, "deleted");
  if (event.deleted) return;
  event.submitted_choice = submitted_choice(attributes);
  const json& newest = first_message(conversation);
  std::string status;
  if (text_id_at(newest, "id") == event.object_id) status = message_status_at(newest, "status");
  if (!event.incoming && status != "sent") event.message_status = status;
  if (status == "failed") event.failure = person_name_at(attributes, "external_error");
  event.edited = true;
  event.surely_edited = !event.content.empty() && !event.submitted_choice &&
                        event.content_type == "text" &&
                        (event.incoming || (status == "sent" && event.source_id.empty()));
}

/// A mail that is HTML where Chatwoot made no text of it.
void read_mail(const json& root, HelpdeskEvent& event) {
  if (word_at(root, "content_type") != "incoming_email") return;
  const std::string content = string_at(root, "content");
  const json& email = object_at(object_at(root, "content_attributes"), "email");
  const json& html = object_at(email, "html_content");
  std::string mail = string_at(html, "reply", string_at(html, "full"));
  if (!content.empty()) mail = jobs::is_html_mail(content) ? content : std::string();
  if (!mail.empty()) event.content = jobs::plain_content(jobs::mail_text(mail));
}

bool read_message_type(const json& root, HelpdeskEvent& event) {
  const std::string type = string_at(root, "message_type");
  event.incoming = type == "incoming";
  event.activity = type == "activity";
  return event.incoming || event.activity || type == "outgoing" || type == "template";
}

Result<HelpdeskEvent> read_message(const json& root, HelpdeskEvent event) {
  const json& conversation = object_at(root, "conversation");
  event.object_id = text_id_at(root, "id");
  event.account_id = text_id_at(object_at(root, "account"), "id");
  read_conversation(conversation, event);
  if (event.object_id.empty()) return bad_shape(event.vendor_event, "id is missing");
  if (event.conversation_id.empty()) {
    return bad_shape(event.vendor_event, "conversation.id is missing");
  }
  if (!read_message_type(root, event)) {
    return bad_shape(event.vendor_event, "message_type is missing or unknown");
  }
  event.is_private = private_at(root, "private");
  if (has_odd_content(root)) return bad_shape(event.vendor_event, "content is no text");
  event.content = content_at(root, "content");
  read_mail(root, event);
  if (std::string type = word_at(root, "content_type"); !type.empty()) {
    event.content_type = std::move(type);
  }
  event.created_at_ms = time_ms_at(root, "created_at", EpochUnit::kSeconds);
  event.sender = read_sender(root, "sender");
  if (event.incoming) {
    event.sender.type = SenderType::kContact;
    if (event.sender.id.empty()) event.sender.id = event.contact_id;
    if (event.sender.name.empty()) event.sender.name = event.contact_name;
  } else if (event.sender.type == SenderType::kContact) {
    event.sender.type = SenderType::kSystem;
  }
  event.source_id = text_id_at(root, "source_id");
  // A channel may put an id of its own in the place of ours.
  event.own_by_id = !event.incoming && !jobs::is_our_message_id(event.source_id);
  event.in_reply_to = text_id_at(object_at(root, "content_attributes"), "in_reply_to");
  read_attachments(root, event);
  if (event.kind == Kind::kMessageUpdated) read_update(root, conversation, event);
  return event;
}

/// A hand-over between a bot and a human changes two attributes, one from and one to null; they
/// become one change.
void add_change(HelpdeskEvent& event, const char* name, const json& from, const json& to) {
  auto& change = event.changes[name];
  if (change.first.empty() || !from.is_null()) change.first = dump_json(from);
  if (change.second.empty() || !to.is_null()) change.second = dump_json(to);
}

/// `changed_attributes`: a list of objects with one key each, or null.
void read_changes(const json& root, HelpdeskEvent& event) {
  static constexpr std::array<std::pair<std::string_view, const char*>, 8> kNames{{
      {"status", "status"},
      {"assignee_id", "assignee"},
      {"assignee_agent_bot_id", "assignee"},
      {"priority", "priority"},
      {"label_list", "labels"},
      {"team_id", "team"},
      {"custom_attributes", "custom_attributes"},
      {"snoozed_until", "snoozed_until"},
  }};
  for (const json& entry : array_at(root, "changed_attributes")) {
    if (!entry.is_object()) continue;
    for (const auto& [vendor_name, name] : kNames) {
      const auto change = entry.find(vendor_name);
      if (change == entry.end() || !change->is_object()) continue;
      add_change(event, name, change->value("previous_value", json(nullptr)),
                 change->value("current_value", json(nullptr)));
    }
  }
}

Result<HelpdeskEvent> read_conversation_event(const json& root, HelpdeskEvent event) {
  read_conversation(root, event);
  event.object_id = event.conversation_id;
  if (event.kind == Kind::kOther) return event;
  if (event.conversation_id.empty()) return bad_shape(event.vendor_event, "id is missing");
  if (event.status.empty()) return bad_shape(event.vendor_event, "status is missing or unknown");
  event.created_at_ms = time_ms_at(root, "created_at", EpochUnit::kSeconds);
  read_changes(root, event);
  return event;
}

Result<HelpdeskEvent> read_typing(const json& root, HelpdeskEvent event) {
  read_conversation(object_at(root, "conversation"), event);
  event.object_id = event.conversation_id;
  if (event.conversation_id.empty()) {
    return bad_shape(event.vendor_event, "conversation.id is missing");
  }
  const json& user = object_at(root, "user");
  if (user.empty()) return bad_shape(event.vendor_event, "user is missing");
  event.sender = read_sender(root, "user");
  event.is_private = private_at(root, "is_private");
  return event;
}

Result<HelpdeskEvent> read_contact(const json& root, HelpdeskEvent event) {
  event.object_id = text_id_at(root, "id");
  event.account_id = text_id_at(object_at(root, "account"), "id");
  if (event.object_id.empty()) return bad_shape(event.vendor_event, "id is missing");
  return event;
}

Result<HelpdeskEvent> read_widget(const json& root, HelpdeskEvent event) {
  event.account_id = text_id_at(object_at(root, "account"), "id");
  read_conversation(object_at(root, "current_conversation"), event);
  event.object_id = text_id_at(root, "id");
  return event;
}

}  // namespace

std::span<const std::string_view> ChatwootParser::schemes() const {
  static constexpr std::array<std::string_view, 1> kSchemes{"chatwoot"};
  return kSchemes;
}

Result<HelpdeskEvent> ChatwootParser::parse(std::string_view body) const {
  const Result<json> root = parse_body(body, kIgnoredKeys);
  if (!root) return fail(root.error());
  HelpdeskEvent event;
  event.vendor_event = string_at(*root, "event");
  if (!is_event_name(event.vendor_event)) {
    return bad_shape("delivery", "event is missing or no event name");
  }
  const EventRow row = row_of(event.vendor_event);
  event.kind = row.kind;
  switch (row.shape) {
    case Shape::kMessage:
      return read_message(*root, std::move(event));
    case Shape::kConversation:
      return read_conversation_event(*root, std::move(event));
    case Shape::kTyping:
      return read_typing(*root, std::move(event));
    case Shape::kContact:
      return read_contact(*root, std::move(event));
    case Shape::kWidget:
      return read_widget(*root, std::move(event));
    case Shape::kOther:
      break;
  }
  event.account_id = text_id_at(object_at(*root, "account"), "id");
  return event;
}

}  // namespace deskwire::webhooks
