#include "webhooks/sources/intercom.h"

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
constexpr std::array<StatusWord, 3> kStatuses{
    {{"open", "open"}, {"closed", "resolved"}, {"snoozed", "snoozed"}}};

/// How a topic's conversation is to be read.
enum class Shape : std::uint8_t { kOpening, kPart, kStatus, kAssigned, kPriority };

struct TopicRow {
  std::string_view topic;
  Kind kind;
  Shape shape;
};

constexpr std::array<TopicRow, 12> kTopics{{
    {"conversation.user.created", Kind::kMessageCreated, Shape::kOpening},
    {"conversation.admin.single.created", Kind::kMessageCreated, Shape::kOpening},
    {"conversation.user.replied", Kind::kMessageCreated, Shape::kPart},
    {"conversation.admin.replied", Kind::kMessageCreated, Shape::kPart},
    {"conversation.operator.replied", Kind::kMessageCreated, Shape::kPart},
    {"conversation.admin.noted", Kind::kMessageCreated, Shape::kPart},
    {"conversation.admin.closed", Kind::kConversationStatus, Shape::kStatus},
    {"conversation.admin.opened", Kind::kConversationStatus, Shape::kStatus},
    {"conversation.admin.snoozed", Kind::kConversationStatus, Shape::kStatus},
    {"conversation.admin.unsnoozed", Kind::kConversationStatus, Shape::kStatus},
    {"conversation.admin.assigned", Kind::kConversationUpdated, Shape::kAssigned},
    {"conversation.priority.updated", Kind::kConversationUpdated, Shape::kPriority},
}};

const TopicRow* row_of(std::string_view topic) {
  const auto* row = std::find_if(kTopics.begin(), kTopics.end(),
                                 [topic](const TopicRow& r) { return r.topic == topic; });
  return row == kTopics.end() ? nullptr : row;
}

SenderType sender_type_of(std::string_view type) {
  if (type == "admin" || type == "team") return SenderType::kUser;
  if (type == "bot") return SenderType::kBot;
  const bool contact = type == "user" || type == "lead" || type == "contact" || type == "visitor";
  return contact ? SenderType::kContact : SenderType::kSystem;
}

Sender read_author(const json& part) {
  const json& author = object_at(part, "author");
  return {text_id_at(author, "id"), person_name_at(author, "name"),
          sender_type_of(string_at(author, "type"))};
}

/// Since API 2.0 `state` says it; older ones have only `open`.
std::string read_status(const json& conversation) {
  std::string status = status_of(kStatuses, string_at(conversation, "state"));
  if (!status.empty() || !conversation.contains("open")) return status;
  return bool_at(conversation, "open") ? "open" : "resolved";
}

void read_assignee(const json& conversation, HelpdeskEvent& event) {
  if (!conversation.contains("admin_assignee_id")) return;
  event.assignee_known = true;
  event.assignee_id = text_id_at(conversation, "admin_assignee_id");
  if (event.assignee_id == "0") event.assignee_id.clear();
  if (!event.assignee_id.empty()) event.assignee_type = "user";
}

void read_conversation(const json& conversation, HelpdeskEvent& event) {
  event.conversation_id = text_id_at(conversation, "id");
  event.status = read_status(conversation);
  event.updated_at_ms = time_ms_at(conversation, "updated_at", EpochUnit::kSeconds);
  const json& source = object_at(conversation, "source");
  event.inbox_kind = word_at(source, "type");
  const json& contacts = array_at(object_at(conversation, "contacts"), "contacts");
  if (!contacts.empty()) event.contact_id = text_id_at(contacts.front(), "id");
  const Sender opened_by = read_author(source);
  if (opened_by.type == SenderType::kContact) event.contact_name = opened_by.name;
  read_assignee(conversation, event);
}

void read_attachments(const json& part, HelpdeskEvent& event) {
  for (const json& item : array_at(part, "attachments")) {
    if (event.attachments.size() == kMaxAttachments) return;
    event.attachments.push_back(
        {"file", safe_url_at(item, "url"), person_name_at(item, "name"),
         std::max<std::int64_t>(integer_at(item, "filesize").value_or(0), 0)});
  }
}

/// The part that the topic is about: the newest one of the right author. A notification usually
/// carries only that one, but it may carry more.
const json* newest_part(const json& conversation, bool by_contact) {
  const json* newest = nullptr;
  std::int64_t newest_at = -1;
  for (const json& part :
       array_at(object_at(conversation, "conversation_parts"), "conversation_parts")) {
    const bool contact = read_author(part).type == SenderType::kContact;
    const std::int64_t at = integer_at(part, "created_at").value_or(0);
    if (contact != by_contact || at < newest_at || text_id_at(part, "id").empty()) continue;
    newest = &part;
    newest_at = at;
  }
  return newest;
}

Result<HelpdeskEvent> read_message(const json& part, HelpdeskEvent event) {
  event.object_id = text_id_at(part, "id");
  if (event.object_id.empty()) return bad_shape(event.vendor_event, "the message's id is missing");
  event.sender = read_author(part);
  event.incoming = event.sender.type == SenderType::kContact;
  event.is_private =
      event.vendor_event == "conversation.admin.noted" || string_at(part, "part_type") == "note";
  event.content = content_at(part, "body");
  if (event.content.empty()) event.content = content_at(part, "subject");
  if (event.incoming && !event.sender.name.empty()) event.contact_name = event.sender.name;
  if (const std::int64_t at = time_ms_at(part, "created_at", EpochUnit::kSeconds); at != 0) {
    event.created_at_ms = at;
  }
  read_attachments(part, event);
  return event;
}

Result<HelpdeskEvent> read_part(const json& conversation, HelpdeskEvent event) {
  const bool by_contact = event.vendor_event == "conversation.user.replied";
  const json* part = newest_part(conversation, by_contact);
  if (part == nullptr) {
    return bad_shape(event.vendor_event, "conversation_parts has none of the topic's author");
  }
  return read_message(*part, std::move(event));
}

void read_priority(const json& conversation, HelpdeskEvent& event) {
  const bool high = string_at(conversation, "priority") == "priority";
  add_change(event, "priority", nullptr, high ? json("high") : json(nullptr));
}

}  // namespace

std::span<const std::string_view> IntercomParser::schemes() const {
  static constexpr std::array<std::string_view, 1> kSchemes{"intercom"};
  return kSchemes;
}

Result<HelpdeskEvent> IntercomParser::parse(std::string_view body) const {
  const Result<json> root = parse_body(body);
  if (!root) return fail(root.error());
  HelpdeskEvent event;
  event.vendor_event = event_name_of(string_at(*root, "topic"));
  if (event.vendor_event.empty()) return bad_shape("delivery", "topic is missing or no topic");
  event.account_id = text_id_at(*root, "app_id");
  event.delivery_id = text_id_at(*root, "id");
  const TopicRow* row = row_of(event.vendor_event);
  if (row == nullptr) return event;
  event.kind = row->kind;
  const json& conversation = object_at(object_at(*root, "data"), "item");
  read_conversation(conversation, event);
  if (event.conversation_id.empty())
    return bad_shape(event.vendor_event, "data.item.id is missing");
  event.created_at_ms = time_ms_at(*root, "created_at", EpochUnit::kSeconds);
  if (row->shape == Shape::kOpening) {
    return read_message(object_at(conversation, "source"), std::move(event));
  }
  if (row->shape == Shape::kPart) return read_part(conversation, std::move(event));
  event.object_id = event.conversation_id;
  if (event.status.empty()) return bad_shape(event.vendor_event, "state is missing or unknown");
  if (row->shape == Shape::kAssigned) {
    add_change(event, "assignee", nullptr,
               event.assignee_id.empty() ? json(nullptr) : json(event.assignee_id));
  }
  if (row->shape == Shape::kPriority) read_priority(conversation, event);
  return event;
}

}  // namespace deskwire::webhooks
