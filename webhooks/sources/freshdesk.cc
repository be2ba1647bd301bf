#include "webhooks/sources/freshdesk.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/hash.h"
#include "core/json.h"
#include "webhooks/sources/payload_fields.h"

namespace deskwire::webhooks {
namespace {

using jobs::HelpdeskEvent;
using jobs::SenderType;
using nlohmann::json;
using Kind = HelpdeskEvent::Kind;

constexpr std::size_t kMadeIdBytes = 15;
/// By name, or by number where a rule uses the id.
constexpr std::array<StatusWord, 10> kStatuses{{{"open", "open"},
                                                {"2", "open"},
                                                {"pending", "snoozed"},
                                                {"3", "snoozed"},
                                                {"waiting on customer", "snoozed"},
                                                {"waiting on third party", "snoozed"},
                                                {"resolved", "resolved"},
                                                {"4", "resolved"},
                                                {"closed", "resolved"},
                                                {"5", "resolved"}}};
constexpr std::array<StatusWord, 8> kPriorities{{{"low", "low"},
                                                 {"1", "low"},
                                                 {"medium", "medium"},
                                                 {"2", "medium"},
                                                 {"high", "high"},
                                                 {"3", "high"},
                                                 {"urgent", "urgent"},
                                                 {"4", "urgent"}}};

/// Where the text of a message stands.
enum class Text : std::uint8_t { kNone, kDescription, kPublicComment, kPrivateComment };

struct EventRow {
  std::string_view name;
  Kind kind;
  Text text = Text::kNone;
  SenderType by = SenderType::kSystem;
};

constexpr std::array<EventRow, 8> kEvents{{
    {"ticket_created", Kind::kMessageCreated, Text::kDescription, SenderType::kContact},
    {"customer_replied", Kind::kMessageCreated, Text::kPublicComment, SenderType::kContact},
    {"agent_replied", Kind::kMessageCreated, Text::kPublicComment, SenderType::kUser},
    {"note_added", Kind::kMessageCreated, Text::kPrivateComment, SenderType::kUser},
    {"status_changed", Kind::kConversationStatus},
    {"agent_assigned", Kind::kConversationUpdated},
    {"priority_changed", Kind::kConversationUpdated},
    {"tags_changed", Kind::kConversationUpdated},
}};

std::string text_or_number(const json& fields, std::string_view key) {
  return id_at(fields, key).value_or("");
}

void read_ticket(const json& fields, HelpdeskEvent& event) {
  event.conversation_id = text_id_at(fields, "ticket_id");
  event.status = status_of(kStatuses, text_or_number(fields, "ticket_status"));
  event.updated_at_ms = time_ms_at(fields, "ticket_updated_at", EpochUnit::kSeconds);
  event.inbox_kind = text_id_at(fields, "ticket_source");
  event.contact_id = text_id_at(fields, "ticket_requester_email");
  event.contact_name = person_name_at(fields, "ticket_requester_name");
  if (!fields.contains("ticket_agent_name")) return;
  event.assignee_known = true;
  event.assignee_name = person_name_at(fields, "ticket_agent_name");
  event.assignee_id = text_id_at(fields, "ticket_agent_email");
  if (event.assignee_id.empty()) event.assignee_id = event.assignee_name;
  if (event.assignee_id == "No Agent" || event.assignee_id == "--") event.assignee_id.clear();
  if (!event.assignee_id.empty()) event.assignee_type = "user";
}

std::string_view key_of(Text text) {
  switch (text) {
    case Text::kDescription:
      return "ticket_description";
    case Text::kPublicComment:
      return "ticket_latest_public_comment";
    case Text::kPrivateComment:
      return "ticket_latest_private_comment";
    case Text::kNone:
      break;
  }
  return {};
}

/// Freshdesk puts "<name> : " in front of comments.
std::string without_author(std::string content, std::string_view author) {
  const std::string prefix = std::string(author) + " : ";
  if (!author.empty() && content.starts_with(prefix)) content.erase(0, prefix.size());
  return content;
}

Result<HelpdeskEvent> read_message(const json& fields, const EventRow& row, std::string_view body,
                                   HelpdeskEvent event) {
  event.incoming = row.by == SenderType::kContact;
  event.is_private = row.text == Text::kPrivateComment;
  event.sender.type = row.by;
  event.sender.id = event.incoming ? event.contact_id : event.assignee_id;
  event.sender.name = event.incoming ? event.contact_name : event.assignee_name;
  event.content = without_author(content_at(fields, key_of(row.text)), event.sender.name);
  if (event.content.empty()) {
    return bad_shape(event.vendor_event, std::string(key_of(row.text)) + " is missing or empty");
  }
  event.object_id = text_id_at(fields, "message_id");
  if (event.object_id.empty()) {
    event.object_id = "m-" + hex_encode(sha256(body).substr(0, kMadeIdBytes));
  }
  return event;
}

void read_changes(const json& fields, HelpdeskEvent& event) {
  if (event.vendor_event == "agent_assigned") {
    add_change(event, "assignee", nullptr,
               event.assignee_id.empty() ? json(nullptr) : json(event.assignee_id));
  } else if (event.vendor_event == "priority_changed") {
    const std::string now = status_of(kPriorities, text_or_number(fields, "ticket_priority"));
    add_change(event, "priority", nullptr, now.empty() ? json(nullptr) : json(now));
  } else if (event.vendor_event == "tags_changed") {
    add_change(event, "labels", nullptr, person_name_at(fields, "ticket_tags"));
  }
}

}  // namespace

std::span<const std::string_view> FreshdeskParser::schemes() const {
  // It signs nothing (config::Source::proof); this one is for a relay in front of it.
  static constexpr std::array<std::string_view, 1> kSchemes{"standard-webhooks"};
  return kSchemes;
}

Result<HelpdeskEvent> FreshdeskParser::parse(std::string_view body) const {
  const Result<json> root = parse_body(body);
  if (!root) return fail(root.error());
  const json& inner = object_at(*root, "freshdesk_webhook");
  const json& fields = inner.empty() ? *root : inner;
  HelpdeskEvent event;
  event.vendor_event = event_name_of(string_at(*root, "event", string_at(fields, "event")));
  if (event.vendor_event.empty()) {
    return bad_shape("delivery", "event is missing; see docs/helpdesks.md for the rule's content");
  }
  const auto* row = std::find_if(kEvents.begin(), kEvents.end(),
                                 [&](const EventRow& r) { return r.name == event.vendor_event; });
  if (row == kEvents.end()) return event;
  event.kind = row->kind;
  read_ticket(fields, event);
  event.account_id = text_id_at(fields, "account_id");
  if (event.conversation_id.empty()) return bad_shape(event.vendor_event, "ticket_id is missing");
  if (row->text != Text::kNone) return read_message(fields, *row, body, std::move(event));
  event.object_id = event.conversation_id;
  if (event.status.empty()) {
    return bad_shape(event.vendor_event, "ticket_status is missing or unknown");
  }
  read_changes(fields, event);
  return event;
}

}  // namespace deskwire::webhooks
