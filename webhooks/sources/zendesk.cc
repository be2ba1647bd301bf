#include "webhooks/sources/zendesk.h"

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/json.h"
#include "webhooks/sources/payload_fields.h"

namespace deskwire::webhooks {
namespace {

using jobs::HelpdeskEvent;
using jobs::SenderType;
using nlohmann::json;
using Kind = HelpdeskEvent::Kind;

constexpr std::size_t kMaxAttachments = 32;

/// Pending waits for the customer, hold for somebody else: the clock that runs is not ours.
constexpr std::array<StatusWord, 6> kStatuses{{{"new", "open"},
                                               {"open", "open"},
                                               {"pending", "snoozed"},
                                               {"hold", "snoozed"},
                                               {"solved", "resolved"},
                                               {"closed", "resolved"}}};
constexpr std::array<StatusWord, 4> kPriorities{
    {{"low", "low"}, {"normal", "medium"}, {"high", "high"}, {"urgent", "urgent"}}};

/// An id as it stands in an event: "0" and null are nobody.
std::string person_id_at(const json& object, std::string_view key) {
  std::string id = text_id_at(object, key);
  return id == "0" ? std::string{} : id;
}

json word_or_null(std::span<const StatusWord> table, const json& event, std::string_view key) {
  const std::string word = status_of(table, string_at(event, key));
  return word.empty() ? json(nullptr) : json(word);
}

void read_ticket(const json& ticket, HelpdeskEvent& event) {
  event.conversation_id = text_id_at(ticket, "id");
  event.status = status_of(kStatuses, string_at(ticket, "status"));
  event.updated_at_ms = time_ms_at(ticket, "updated_at", EpochUnit::kSeconds);
  event.inbox_kind = text_id_at(object_at(ticket, "via"), "channel");
  event.contact_id = person_id_at(ticket, "requester_id");
  if (!ticket.contains("assignee_id")) return;
  event.assignee_known = true;
  event.assignee_id = person_id_at(ticket, "assignee_id");
  if (!event.assignee_id.empty()) event.assignee_type = "user";
}

void read_attachments(const json& comment, HelpdeskEvent& event) {
  for (const json& item : array_at(comment, "attachments")) {
    if (event.attachments.size() == kMaxAttachments) return;
    event.attachments.push_back({"file", safe_url_at(item, "content_url"),
                                 person_name_at(item, "filename"),
                                 std::max<std::int64_t>(integer_at(item, "size").value_or(0), 0)});
  }
}

Result<HelpdeskEvent> read_comment(const json& change, HelpdeskEvent event) {
  const json& comment = object_at(change, "comment");
  event.object_id = text_id_at(comment, "id");
  if (event.object_id.empty()) return bad_shape(event.vendor_event, "event.comment.id is missing");
  const json& author = object_at(comment, "author");
  event.sender.id = text_id_at(author, "id");
  event.sender.name = person_name_at(author, "name");
  event.incoming = !bool_at(author, "is_staff");
  event.sender.type = event.incoming ? SenderType::kContact : SenderType::kUser;
  event.own_by_id = !event.incoming;
  // What is not said to be public is kept from the customer.
  event.is_private = !bool_at(comment, "is_public");
  event.content = content_at(comment, "body");
  if (event.incoming && event.sender.id == event.contact_id) event.contact_name = event.sender.name;
  read_attachments(comment, event);
  return event;
}

json tags_before(const json& now, const json& added, const json& removed) {
  json before = json::array();
  for (const json& tag : now) {
    if (std::find(added.begin(), added.end(), tag) == added.end()) before.push_back(tag);
  }
  for (const json& tag : removed) before.push_back(tag);
  return before;
}

void read_changes(const json& ticket, const json& change, HelpdeskEvent& event) {
  if (event.vendor_event == "ticket.status_changed") {
    add_change(event, "status", word_or_null(kStatuses, change, "previous"),
               word_or_null(kStatuses, change, "current"));
    if (const std::string now = status_of(kStatuses, string_at(change, "current")); !now.empty()) {
      event.status = now;
    }
  } else if (event.vendor_event == "ticket.priority_changed") {
    add_change(event, "priority", word_or_null(kPriorities, change, "previous"),
               word_or_null(kPriorities, change, "current"));
  } else if (event.vendor_event == "ticket.agent_assignment_changed") {
    const std::string before = person_id_at(change, "previous");
    event.assignee_known = true;
    event.assignee_id = person_id_at(change, "current");
    event.assignee_type = event.assignee_id.empty() ? "" : "user";
    add_change(event, "assignee", before.empty() ? json(nullptr) : json(before),
               event.assignee_id.empty() ? json(nullptr) : json(event.assignee_id));
  } else if (event.vendor_event == "ticket.tags_changed") {
    const json& now = array_at(ticket, "tags");
    add_change(event, "labels",
               tags_before(now, array_at(change, "tags_added"), array_at(change, "tags_removed")),
               now);
  }
}

Kind kind_of(std::string_view name) {
  if (name == "ticket.created") return Kind::kConversationCreated;
  if (name == "ticket.comment_added") return Kind::kMessageCreated;
  if (name == "ticket.status_changed") return Kind::kConversationStatus;
  const bool updated = name == "ticket.priority_changed" || name == "ticket.tags_changed" ||
                       name == "ticket.agent_assignment_changed";
  return updated ? Kind::kConversationUpdated : Kind::kOther;
}

}  // namespace

std::span<const std::string_view> ZendeskParser::schemes() const {
  static constexpr std::array<std::string_view, 1> kSchemes{"zendesk"};
  return kSchemes;
}

Result<HelpdeskEvent> ZendeskParser::parse(std::string_view body) const {
  const Result<json> root = parse_body(body);
  if (!root) return fail(root.error());
  HelpdeskEvent event;
  event.vendor_event = event_name_of(string_at(*root, "type"));
  if (event.vendor_event.empty()) return bad_shape("delivery", "type is missing or no event type");
  event.kind = kind_of(event.vendor_event);
  event.account_id = text_id_at(*root, "account_id");
  event.delivery_id = text_id_at(*root, "id");
  if (event.kind == Kind::kOther) return event;
  const json& ticket = object_at(*root, "detail");
  const json& change = object_at(*root, "event");
  read_ticket(ticket, event);
  if (event.conversation_id.empty()) return bad_shape(event.vendor_event, "detail.id is missing");
  event.created_at_ms = time_ms_at(*root, "time", EpochUnit::kSeconds);
  if (event.kind == Kind::kMessageCreated) return read_comment(change, std::move(event));
  event.object_id = event.conversation_id;
  read_changes(ticket, change, event);
  if (event.status.empty())
    return bad_shape(event.vendor_event, "the status is missing or unknown");
  return event;
}

}  // namespace deskwire::webhooks
