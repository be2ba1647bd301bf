#include "jobs/reply_payload.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "core/json.h"

namespace deskwire::jobs {
namespace {

constexpr int kVersion = 1;
// A payload is our own text, but it comes back from a database that others can write to.
constexpr JsonLimits kLimits{.max_bytes = 4U << 20U, .max_depth = 8};

void put(nlohmann::json& object, const char* key, const std::string& value) {
  // Absent and empty mean the same, and a waiting job should cost little memory.
  if (!value.empty()) object[key] = value;
}

/// The texts of a list.
std::vector<std::string> texts_at(const nlohmann::json& object, const char* key) {
  std::vector<std::string> texts;
  const auto list = object.find(key);
  if (list == object.end() || !list->is_array()) return texts;
  for (const auto& item : *list) {
    if (item.is_string()) texts.push_back(item.get<std::string>());
  }
  return texts;
}

std::map<std::string, std::string> named_texts_at(const nlohmann::json& object, const char* key) {
  std::map<std::string, std::string> texts;
  for (const auto& [name, value] : object_at(object, key).items()) {
    if (value.is_string()) texts[name] = value.get<std::string>();
  }
  return texts;
}

}  // namespace

std::string encode(const ReplyPayload& payload) {
  nlohmann::json object = {{"v", kVersion}};
  put(object, "source", payload.source);
  put(object, "conversation", payload.conversation);
  put(object, "conversation_id", payload.conversation_id);
  put(object, "account_id", payload.account_id);
  put(object, "message_id", payload.message_id);
  put(object, "shown_id", payload.shown_id);
  put(object, "content", payload.content);
  put(object, "contact_name", payload.contact_name);
  put(object, "status", payload.status);
  put(object, "assignee_type", payload.assignee_type);
  put(object, "assignee_id", payload.assignee_id);
  put(object, "inbox_id", payload.inbox_id);
  if (!payload.labels.empty()) object["labels"] = payload.labels;
  if (!payload.attributes.empty()) object["attributes"] = payload.attributes;
  if (!payload.attachments.empty()) object["attachments"] = payload.attachments;
  if (payload.created_at_ms != 0) object["created_at_ms"] = payload.created_at_ms;
  if (payload.accepted_at_ms != 0) object["accepted_at_ms"] = payload.accepted_at_ms;
  if (!payload.simulate.empty()) object["simulate"] = payload.simulate;
  return dump_json(object);
}

ReplyPayload joined(std::vector<ReplyPayload> burst) {
  ReplyPayload all = std::move(burst.back());
  all.accepted_at_ms = burst.size() > 1 ? burst.front().accepted_at_ms : all.accepted_at_ms;
  for (std::size_t i = burst.size() - 1; i-- > 0;) {
    all.content.insert(0, burst[i].content + '\n');
    all.attachments.insert(all.attachments.begin(), burst[i].attachments.begin(),
                           burst[i].attachments.end());
    if (all.simulate.empty()) all.simulate = std::move(burst[i].simulate);
  }
  return all;
}

Result<ReplyPayload> decode_reply(std::string_view text) {
  const Result<nlohmann::json> parsed = parse_json(text, kLimits);
  if (!parsed || !parsed->is_object()) {
    return fail(ErrorCode::kCorrupt, "read reply payload: not a JSON object");
  }
  const nlohmann::json& object = *parsed;
  if (integer_at(object, "v").value_or(0) < 1) {
    return fail(ErrorCode::kCorrupt, "read reply payload: no version");
  }
  ReplyPayload payload;
  payload.source = string_at(object, "source");
  payload.conversation = string_at(object, "conversation");
  payload.conversation_id = string_at(object, "conversation_id");
  payload.account_id = string_at(object, "account_id");
  payload.message_id = string_at(object, "message_id");
  payload.shown_id = string_at(object, "shown_id");
  payload.content = string_at(object, "content");
  payload.contact_name = string_at(object, "contact_name");
  payload.status = string_at(object, "status");
  payload.assignee_type = string_at(object, "assignee_type");
  payload.assignee_id = string_at(object, "assignee_id");
  payload.created_at_ms = integer_at(object, "created_at_ms").value_or(0);
  payload.accepted_at_ms = integer_at(object, "accepted_at_ms").value_or(0);
  payload.inbox_id = string_at(object, "inbox_id");
  payload.labels = texts_at(object, "labels");
  payload.attributes = named_texts_at(object, "attributes");
  payload.attachments = texts_at(object, "attachments");
  payload.simulate = named_texts_at(object, "simulate");
  if (payload.source.empty() || payload.conversation.empty() || payload.message_id.empty()) {
    return fail(ErrorCode::kCorrupt,
                "read reply payload: source, conversation or message_id is missing");
  }
  return payload;
}

}  // namespace deskwire::jobs
