#include "webhooks/sources/zammad.h"

#include <algorithm>
#include <array>
#include <charconv>
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
/// Zammad's user for "nobody", the owner of new tickets.
constexpr std::string_view kNobody = "1";
constexpr std::array<StatusWord, 7> kStatuses{{{"new", "open"},
                                               {"open", "open"},
                                               {"pending reminder", "snoozed"},
                                               {"pending close", "snoozed"},
                                               {"closed", "resolved"},
                                               {"merged", "resolved"},
                                               {"removed", "resolved"}}};

std::string full_name(const json& user) { return joined_name_at(user, "firstname", "lastname"); }

void read_ticket(const json& ticket, HelpdeskEvent& event) {
  event.conversation_id = text_id_at(ticket, "id");
  event.status = status_of(kStatuses, label_at(ticket, "state"));
  event.updated_at_ms = time_ms_at(ticket, "updated_at", EpochUnit::kSeconds);
  event.inbox_kind = word_at(ticket, "create_article_type");
  event.contact_id = text_id_at(ticket, "customer_id");
  event.contact_name = full_name(object_at(ticket, "customer"));
  if (!ticket.contains("owner_id")) return;
  event.assignee_known = true;
  event.assignee_id = text_id_at(ticket, "owner_id");
  if (event.assignee_id == kNobody) event.assignee_id.clear();
  if (event.assignee_id.empty()) return;
  event.assignee_type = "user";
  event.assignee_name = full_name(object_at(ticket, "owner"));
}

/// Sizes come as text.
std::int64_t size_at(const json& item) {
  const std::string text = id_at(item, "size").value_or("");
  std::int64_t size = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
  return error == std::errc{} && end == text.data() + text.size() && size > 0 ? size : 0;
}

void read_attachments(const json& article, HelpdeskEvent& event) {
  for (const json& item : array_at(article, "attachments")) {
    if (event.attachments.size() == kMaxAttachments) return;
    event.attachments.push_back(
        {"file", safe_url_at(item, "url"), person_name_at(item, "filename"), size_at(item)});
  }
}

/// Who wrote it: an agent may enter what a customer said on the phone (`origin_by`).
Sender read_sender(const json& article, const HelpdeskEvent& event) {
  if (event.incoming) {
    std::string id = text_id_at(article, "origin_by_id");
    if (id.empty()) id = text_id_at(article, "created_by_id");
    const bool is_customer = id == event.contact_id;
    return {id, is_customer ? event.contact_name : full_name(object_at(article, "created_by")),
            SenderType::kContact};
  }
  const bool agent = label_at(article, "sender") == "Agent";
  return {text_id_at(article, "created_by_id"), full_name(object_at(article, "created_by")),
          agent ? SenderType::kUser : SenderType::kSystem};
}

Result<HelpdeskEvent> read_article(const json& article, HelpdeskEvent event) {
  event.kind = Kind::kMessageCreated;
  event.vendor_event = "ticket.article";
  event.object_id = text_id_at(article, "id");
  if (event.object_id.empty()) return bad_shape(event.vendor_event, "article.id is missing");
  const std::string sender = label_at(article, "sender");
  if (sender != "Customer" && sender != "Agent" && sender != "System") {
    return bad_shape(event.vendor_event, "article.sender is missing or unknown");
  }
  // What is not said to be public is kept from the customer.
  event.is_private = bool_at(article, "internal", true);
  event.incoming = sender == "Customer";
  event.sender = read_sender(article, event);
  event.content = content_at(article, "body");
  event.created_at_ms = time_ms_at(article, "created_at", EpochUnit::kSeconds);
  event.source_id = text_id_at(object_at(article, "preferences"), "deskwire");
  event.own_by_id = !event.incoming && event.source_id.empty();
  read_attachments(article, event);
  return event;
}

}  // namespace

std::span<const std::string_view> ZammadParser::schemes() const {
  static constexpr std::array<std::string_view, 1> kSchemes{"zammad"};
  return kSchemes;
}

Result<HelpdeskEvent> ZammadParser::parse(std::string_view body) const {
  const Result<json> root = parse_body(body);
  if (!root) return fail(root.error());
  HelpdeskEvent event;
  event.vendor_event = "ticket.updated";
  const json& ticket = object_at(*root, "ticket");
  read_ticket(ticket, event);
  if (event.conversation_id.empty()) return bad_shape("delivery", "ticket.id is missing");
  if (const json& article = object_at(*root, "article"); !article.empty()) {
    return read_article(article, std::move(event));
  }
  event.kind = Kind::kConversationStatus;
  event.object_id = event.conversation_id;
  event.created_at_ms = time_ms_at(ticket, "created_at", EpochUnit::kSeconds);
  // A state that an admin has added is no mistake of the sender; it only tells us nothing.
  if (event.status.empty()) event.kind = Kind::kConversationUpdated;
  return event;
}

}  // namespace deskwire::webhooks
