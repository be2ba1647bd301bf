#include "worker/sla/fact.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/json.h"

namespace deskwire::worker {
namespace {

using nlohmann::json;

std::optional<std::string> text_at(const json& fact, const char* key) {
  const auto found = fact.find(key);
  if (found == fact.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

SlaAttributes attributes_of(const json& fact) {
  SlaAttributes attributes;
  attributes.source = string_at(fact, "source");
  attributes.account = string_at(fact, "account");
  attributes.inbox = text_at(fact, "inbox");
  attributes.priority = text_at(fact, "priority");
  attributes.team = text_at(fact, "team");
  attributes.helpdesk_sla = text_at(fact, "sla");
  if (fact.contains("assignee_type")) attributes.assignee = string_at(fact, "assignee");
  if (const auto labels = fact.find("labels"); labels != fact.end() && labels->is_array()) {
    auto& into = attributes.labels.emplace();
    for (const json& label : *labels) {
      if (label.is_string()) into.push_back(label.get<std::string>());
    }
  }
  for (const auto& [name, value] : object_at(fact, "attributes").items()) {
    if (value.is_string()) attributes.custom[name] = value.get<std::string>();
  }
  return attributes;
}

Fact::Kind kind_of(const json& fact) {
  const std::string kind = string_at(fact, "kind");
  if (kind == "conversation_deleted") {
    return bool_at(fact, "merged") ? Fact::Kind::kMerged : Fact::Kind::kDeleted;
  }
  if (kind.starts_with("conversation_")) return Fact::Kind::kConversation;
  const bool choice = kind == "message_updated" && bool_at(fact, "choice");
  if (kind != "message_created" && !choice) return Fact::Kind::kOther;
  if (bool_at(fact, "private") || bool_at(fact, "activity")) return Fact::Kind::kOther;
  const std::string by = string_at(fact, "by");
  if (by == "contact") return Fact::Kind::kCustomerMessage;
  return by == "user" ? Fact::Kind::kHumanResponse : Fact::Kind::kOtherResponse;
}

bool is_message(Fact::Kind kind) {
  return kind == Fact::Kind::kCustomerMessage || kind == Fact::Kind::kHumanResponse ||
         kind == Fact::Kind::kOtherResponse;
}

}  // namespace

void SlaAttributes::merge(const SlaAttributes& news) {
  if (!news.source.empty()) source = news.source;
  if (!news.account.empty()) account = news.account;
  if (news.inbox) inbox = news.inbox;
  if (news.priority) priority = news.priority;
  if (news.team) team = news.team;
  if (news.assignee) assignee = news.assignee;
  if (news.helpdesk_sla) helpdesk_sla = news.helpdesk_sla;
  if (news.labels) labels = news.labels;
  for (const auto& [name, value] : news.custom) custom[name] = value;
}

Result<Fact> decode_fact(std::string_view text, std::int64_t received_ms) {
  auto parsed = parse_json(text);
  if (!parsed || !parsed->is_object() || integer_at(*parsed, "v") != 1) {
    return fail(ErrorCode::kCorrupt, "read fact: not of a form that this version knows");
  }
  json& object = *parsed;
  Fact fact;
  fact.kind = kind_of(object);
  fact.received_ms = received_ms;
  const std::int64_t created_ms = integer_at(object, "created_at").value_or(0);
  const std::int64_t updated_ms = integer_at(object, "updated_at").value_or(0);
  const auto happened = [received_ms](std::int64_t told_ms) {
    return told_ms > 0 ? std::min(told_ms, received_ms + kMaxSkewMs) : received_ms;
  };
  const bool created_message = string_at(object, "kind") == "message_created";
  // An update names the time at which its message was made.
  fact.at_ms = happened(created_message ? created_ms : is_message(fact.kind) ? 0 : updated_ms);
  fact.known_at_ms = happened(updated_ms > 0 ? updated_ms : created_message ? created_ms : 0);
  if (string_at(object, "kind") == "conversation_created" && created_ms > 0) {
    fact.at_ms = fact.known_at_ms = happened(created_ms);
  }
  fact.creates = string_at(object, "kind") == "conversation_created";
  fact.attributes = attributes_of(object);
  if (fact.kind == Fact::Kind::kConversation) {
    fact.status = string_at(object, "status");
    fact.conversation_created_ms = created_ms > 0 ? happened(created_ms) : 0;
  }
  fact.waiting_since_ms = integer_at(object, "waiting_since").value_or(0);
  fact.first_reply_at_ms = integer_at(object, "first_reply_at").value_or(0);
  const std::string message = string_at(object, "message");
  fact.sequence = string_at(object, "seq", message);
  object.erase("at");
  fact.identity = is_message(fact.kind)
                      ? "m:" + message + (bool_at(object, "choice") ? ":choice" : "")
                      : dump_json(object);
  return fact;
}

}  // namespace deskwire::worker
