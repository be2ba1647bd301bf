#include "webhooks/sources/helpscout.h"

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
/// Pending means that the customer is asked something.
constexpr std::array<StatusWord, 5> kStatuses{{{"active", "open"},
                                               {"open", "open"},
                                               {"pending", "snoozed"},
                                               {"closed", "resolved"},
                                               {"spam", "resolved"}}};

struct EventRow {
  std::string_view name;
  Kind kind;
  std::string_view thread_types = {};  ///< Of the thread that the event is about.
};

constexpr std::array<EventRow, 8> kEvents{{
    {"convo.created", Kind::kMessageCreated, "customer beaconchat chat phone message reply note"},
    {"convo.customer.reply.created", Kind::kMessageCreated, "customer beaconchat chat phone"},
    {"convo.agent.reply.created", Kind::kMessageCreated, "message reply"},
    {"convo.note.created", Kind::kMessageCreated, "note"},
    {"convo.status", Kind::kConversationStatus},
    {"convo.assigned", Kind::kConversationUpdated},
    {"convo.tags", Kind::kConversationUpdated},
    {"convo.moved", Kind::kOther},
}};

bool lists(std::string_view words, std::string_view word) {
  const std::size_t at = word.empty() ? std::string_view::npos : words.find(word);
  if (at == std::string_view::npos) return false;
  const std::size_t end = at + word.size();
  return (at == 0 || words[at - 1] == ' ') && (end == words.size() || words[end] == ' ');
}

bool is_customer(const json& person) { return string_at(person, "type") == "customer"; }

void read_conversation(const json& conversation, HelpdeskEvent& event) {
  event.conversation_id = text_id_at(conversation, "id");
  event.status = status_of(kStatuses, string_at(conversation, "status"));
  event.updated_at_ms = time_ms_at(conversation, "userUpdatedAt", EpochUnit::kSeconds);
  event.inbox_kind = word_at(conversation, "type");
  const json& customer = object_at(conversation, "primaryCustomer");
  event.contact_id = text_id_at(customer, "id");
  event.contact_name = joined_name_at(customer, "first", "last");
  // A conversation of nobody has no assignee key at all.
  event.assignee_known = true;
  const json& assignee = object_at(conversation, "assignee");
  event.assignee_id = text_id_at(assignee, "id");
  event.assignee_name = joined_name_at(assignee, "first", "last");
  if (!event.assignee_id.empty()) event.assignee_type = "user";
}

void read_attachments(const json& thread, HelpdeskEvent& event) {
  for (const json& item : array_at(object_at(thread, "_embedded"), "attachments")) {
    if (event.attachments.size() == kMaxAttachments) return;
    event.attachments.push_back({"file",
                                 safe_url_at(object_at(object_at(item, "_links"), "data"), "href"),
                                 person_name_at(item, "filename"),
                                 std::max<std::int64_t>(integer_at(item, "size").value_or(0), 0)});
  }
}

/// The newest thread of the types that the event can be about; their order is not promised.
const json* newest_thread(const json& conversation, std::string_view types) {
  const json* newest = nullptr;
  std::pair<std::int64_t, std::int64_t> newest_at{-1, -1};
  for (const json& thread : array_at(object_at(conversation, "_embedded"), "threads")) {
    if (!lists(types, string_at(thread, "type"))) continue;
    const std::pair<std::int64_t, std::int64_t> at{
        time_ms_at(thread, "createdAt", EpochUnit::kSeconds), integer_at(thread, "id").value_or(0)};
    if (newest != nullptr && at < newest_at) continue;
    newest = &thread;
    newest_at = at;
  }
  return newest;
}

Result<HelpdeskEvent> read_thread(const json& thread, HelpdeskEvent event) {
  event.object_id = text_id_at(thread, "id");
  if (event.object_id.empty()) return bad_shape(event.vendor_event, "the thread's id is missing");
  const json& author = object_at(thread, "createdBy");
  const std::string type = string_at(thread, "type");
  event.is_private = type == "note";
  event.incoming = !event.is_private && is_customer(author);
  event.sender = {text_id_at(author, "id"), joined_name_at(author, "first", "last"),
                  is_customer(author) ? SenderType::kContact : SenderType::kUser};
  if (author.empty()) event.sender.type = SenderType::kSystem;
  event.content = content_at(thread, "body");
  event.created_at_ms = time_ms_at(thread, "createdAt", EpochUnit::kSeconds);
  read_attachments(thread, event);
  return event;
}

/// convo.created comes without threads where the conversation was imported or is still a draft.
Result<HelpdeskEvent> read_creation(const json& conversation, HelpdeskEvent event) {
  event.kind = Kind::kConversationCreated;
  event.object_id = event.conversation_id;
  event.created_at_ms = time_ms_at(conversation, "createdAt", EpochUnit::kSeconds);
  return event;
}

json tag_names(const json& conversation) {
  json names = json::array();
  for (const json& tag : array_at(conversation, "tags")) {
    if (std::string name = person_name_at(tag, "tag"); !name.empty()) names.push_back(name);
  }
  return names;
}

}  // namespace

std::span<const std::string_view> HelpScoutParser::schemes() const {
  static constexpr std::array<std::string_view, 1> kSchemes{"helpscout"};
  return kSchemes;
}

Result<HelpdeskEvent> HelpScoutParser::parse(std::string_view body) const {
  const Result<json> root = parse_body(body);
  if (!root) return fail(root.error());
  HelpdeskEvent event;
  event.vendor_event = event_name_of(string_at(*root, kEventKey));
  if (event.vendor_event.empty()) {
    return bad_shape("delivery", "the header X-HelpScout-Event is missing or no event name");
  }
  const auto* row = std::find_if(kEvents.begin(), kEvents.end(),
                                 [&](const EventRow& r) { return r.name == event.vendor_event; });
  if (row == kEvents.end()) return event;
  event.kind = row->kind;
  read_conversation(*root, event);
  if (event.conversation_id.empty()) return bad_shape(event.vendor_event, "id is missing");
  if (row->kind == Kind::kMessageCreated) {
    if (const json* thread = newest_thread(*root, row->thread_types)) {
      return read_thread(*thread, std::move(event));
    }
    if (row->name == "convo.created") return read_creation(*root, std::move(event));
    return bad_shape(event.vendor_event, "_embedded.threads has none of the event's type");
  }
  event.object_id = event.conversation_id;
  if (event.status.empty()) return bad_shape(event.vendor_event, "status is missing or unknown");
  if (row->name == "convo.assigned") {
    add_change(event, "assignee", nullptr,
               event.assignee_id.empty() ? json(nullptr) : json(event.assignee_id));
  }
  if (row->name == "convo.tags") add_change(event, "labels", nullptr, tag_names(*root));
  return event;
}

}  // namespace deskwire::webhooks
