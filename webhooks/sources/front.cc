#include "webhooks/sources/front.h"

#include <algorithm>
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
constexpr std::array<StatusWord, 5> kStatuses{{{"unassigned", "open"},
                                               {"assigned", "open"},
                                               {"archived", "resolved"},
                                               {"deleted", "resolved"},
                                               {"snoozed", "snoozed"}}};

struct TypeRow {
  std::string_view type;
  Kind kind;
  /// What the conversation is from then on, where the type itself says so; a preview of a
  /// conversation has no status.
  std::string_view status = {};
};

constexpr std::array<TypeRow, 14> kTypes{{
    {"inbound", Kind::kMessageCreated},
    {"outbound", Kind::kMessageCreated},
    {"out_reply", Kind::kMessageCreated},
    {"comment", Kind::kMessageCreated},
    {"archive", Kind::kConversationStatus, "resolved"},
    {"reopen", Kind::kConversationStatus, "open"},
    {"trash", Kind::kConversationStatus, "resolved"},
    {"restore", Kind::kConversationStatus, "open"},
    {"reminder", Kind::kConversationStatus, "open"},
    {"assign", Kind::kConversationUpdated},
    {"unassign", Kind::kConversationUpdated},
    {"tag", Kind::kConversationUpdated},
    {"untag", Kind::kConversationUpdated},
    {"sending_error", Kind::kMessageUpdated},
}};

std::string teammate_name(const json& teammate) {
  std::string name = joined_name_at(teammate, "first_name", "last_name");
  return name.empty() ? person_name_at(teammate, "username") : name;
}

void read_conversation(const json& conversation, HelpdeskEvent& event) {
  event.conversation_id = text_id_at(conversation, "id");
  event.status = status_of(kStatuses, string_at(conversation, "status"));
  const json& recipient = object_at(conversation, "recipient");
  event.contact_id = text_id_at(recipient, "handle");
  event.contact_name = person_name_at(recipient, "name");
  if (!conversation.contains("assignee")) return;
  const json& assignee = object_at(conversation, "assignee");
  event.assignee_known = true;
  event.assignee_id = text_id_at(assignee, "id");
  event.assignee_name = teammate_name(assignee);
  if (!event.assignee_id.empty()) event.assignee_type = "user";
}

void read_attachments(const json& message, HelpdeskEvent& event) {
  for (const json& item : array_at(message, "attachments")) {
    if (event.attachments.size() == kMaxAttachments) return;
    event.attachments.push_back({"file", safe_url_at(item, "url"), person_name_at(item, "filename"),
                                 std::max<std::int64_t>(integer_at(item, "size").value_or(0), 0)});
  }
}

/// The customer behind an incoming message: its recipient of the role `from`.
void read_sender_of_inbound(const json& message, HelpdeskEvent& event) {
  event.sender.type = SenderType::kContact;
  for (const json& recipient : array_at(message, "recipients")) {
    if (string_at(recipient, "role") != "from") continue;
    event.sender.id = text_id_at(recipient, "handle");
    event.sender.name = person_name_at(recipient, "name");
  }
  if (event.sender.id.empty()) event.sender.id = event.contact_id;
  if (event.sender.name.empty()) event.sender.name = event.contact_name;
  if (event.contact_name.empty()) event.contact_name = event.sender.name;
}

Result<HelpdeskEvent> read_message(const json& target, HelpdeskEvent event) {
  event.object_id = text_id_at(target, "id");
  if (event.object_id.empty()) return bad_shape(event.vendor_event, "target.data.id is missing");
  if (event.kind == Kind::kMessageUpdated) {
    event.message_status = "failed";
    return event;
  }
  const bool comment = event.vendor_event == "comment";
  event.incoming = event.vendor_event == "inbound";
  event.is_private = comment;
  if (event.incoming) {
    read_sender_of_inbound(target, event);
  } else {
    const json& author = object_at(target, "author");
    event.sender = {text_id_at(author, "id"), teammate_name(author),
                    author.empty() ? SenderType::kSystem : SenderType::kUser};
  }
  event.content = content_at(target, "text");
  if (event.content.empty()) event.content = content_at(target, "body");
  if (event.content.empty()) event.content = content_at(target, "blurb");
  const auto at = time_ms_at(target, comment ? "posted_at" : "created_at", EpochUnit::kSeconds);
  if (at != 0) event.created_at_ms = at;
  read_attachments(target, event);
  return event;
}

json tag_names(const json& conversation) {
  json names = json::array();
  for (const json& tag : array_at(conversation, "tags")) {
    if (std::string name = person_name_at(tag, "name"); !name.empty()) names.push_back(name);
  }
  return names;
}

void read_changes(const json& conversation, const json& target, HelpdeskEvent& event) {
  if (event.vendor_event == "assign" && event.assignee_id.empty()) {
    event.assignee_known = true;
    event.assignee_id = text_id_at(target, "id");
    event.assignee_name = teammate_name(target);
    if (!event.assignee_id.empty()) event.assignee_type = "user";
  }
  if (event.vendor_event == "unassign") {
    event.assignee_known = true;
    event.assignee_id.clear();
    event.assignee_type.clear();
  }
  if (event.vendor_event == "assign" || event.vendor_event == "unassign") {
    add_change(event, "assignee", nullptr,
               event.assignee_id.empty() ? json(nullptr) : json(event.assignee_id));
  } else {
    add_change(event, "labels", nullptr, tag_names(conversation));
  }
}

}  // namespace

std::span<const std::string_view> FrontParser::schemes() const {
  static constexpr std::array<std::string_view, 2> kSchemes{"front-application", "front-rule"};
  return kSchemes;
}

Result<HelpdeskEvent> FrontParser::parse(std::string_view body) const {
  const Result<json> root = parse_body(body);
  if (!root) return fail(root.error());
  const bool in_envelope = root->contains("payload");
  const json& payload = in_envelope ? object_at(*root, "payload") : *root;
  HelpdeskEvent event;
  event.vendor_event = event_name_of(string_at(payload, "type"));
  // `sync` and other calls of an application have an empty payload.
  if (event.vendor_event.empty()) event.vendor_event = event_name_of(string_at(*root, "type"));
  if (event.vendor_event.empty()) return bad_shape("delivery", "type is missing or no event type");
  event.account_id = text_id_at(object_at(*root, "authorization"), "id");
  event.delivery_id = text_id_at(payload, "id");
  const auto* row = std::find_if(kTypes.begin(), kTypes.end(),
                                 [&](const TypeRow& r) { return r.type == event.vendor_event; });
  if (row == kTypes.end()) return event;
  event.kind = row->kind;
  const json& conversation = object_at(payload, "conversation");
  read_conversation(conversation, event);
  if (event.conversation_id.empty()) {
    return bad_shape(event.vendor_event, "conversation.id is missing");
  }
  event.created_at_ms = time_ms_at(payload, "emitted_at", EpochUnit::kSeconds);
  const json& target = object_at(object_at(payload, "target"), "data");
  if (row->kind == Kind::kMessageCreated || row->kind == Kind::kMessageUpdated) {
    return read_message(target, std::move(event));
  }
  event.object_id = event.conversation_id;
  event.updated_at_ms = event.created_at_ms;
  if (!row->status.empty()) event.status = row->status;
  if (row->kind == Kind::kConversationUpdated) read_changes(conversation, target, event);
  return event;
}

}  // namespace deskwire::webhooks
