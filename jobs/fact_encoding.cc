#include "jobs/fact_encoding.h"

#include <nlohmann/json.hpp>

#include "core/json.h"
#include "jobs/channel_events.h"

namespace deskwire::jobs {
namespace {

using nlohmann::json;
using Kind = HelpdeskEvent::Kind;

bool is_message(const HelpdeskEvent& event) {
  return event.kind == Kind::kMessageCreated || event.kind == Kind::kMessageUpdated;
}

bool is_typing(const HelpdeskEvent& event) {
  return event.kind == Kind::kTypingOn || event.kind == Kind::kTypingOff;
}

/// Collects the fields that have a value.
class FactWriter {
 public:
  FactWriter(const HelpdeskEvent& event, const EventContext& context)
      : event_(event), context_(context) {}

  std::string write() && {
    fact_ = {{"v", 1}, {"kind", name_of(event_.kind)}, {"at", context_.now_ms}};
    if (event_.kind == Kind::kOther) put("event", event_.vendor_event);
    if (is_message(event_)) message();
    if (is_typing(event_)) fact_["by"] = name_of(event_.sender.type);
    flag("private", event_.is_private);
    flag("activity", event_.activity);
    flag("deleted", event_.deleted);
    flag("merged", event_.merged);
    put("status", event_.status);
    if (event_.assignee_known) {
      put("assignee", event_.assignee_id);
      fact_["assignee_type"] = event_.assignee_id.empty() ? "none" : event_.assignee_type;
    }
    changes();
    if (!is_typing(event_)) policy_fields();
    moment("created_at", event_.created_at_ms);
    moment("updated_at", event_.updated_at_ms);
    return dump_json(fact_);
  }

 private:
  void put(const char* key, const std::string& value) {
    if (!value.empty()) fact_[key] = value;
  }
  void flag(const char* key, bool value) {
    if (value) fact_[key] = true;
  }
  void moment(const char* key, std::int64_t value_ms) {
    if (value_ms != 0) fact_[key] = value_ms;
  }

  void message() {
    const std::string id = channel_message_id(event_, context_);
    put("message", id);
    // The helpdesk's own id orders messages of the same second.
    if (id != event_.object_id) put("seq", event_.object_id);
    const bool choice = event_.submitted_choice.has_value();
    fact_["by"] = name_of(choice ? SenderType::kContact : event_.sender.type);
    flag("choice", choice);
    put("message_status", event_.message_status);
  }

  /// Only closed vocabularies; other attributes may hold what a customer wrote.
  void changes() {
    for (const char* name : {"status", "priority"}) {
      const auto change = event_.changes.find(name);
      if (change == event_.changes.end()) continue;
      const json from = parse_json(change->second.first).value_or(nullptr);
      const json to = parse_json(change->second.second).value_or(nullptr);
      fact_["changes"][name] = json::array({from, to});
    }
  }

  void policy_fields() {
    put("source", context_.source);
    put("account", event_.account_id);
    put("inbox", event_.inbox_id);
    put("sla", event_.helpdesk_sla);
    if (event_.priority) fact_["priority"] = *event_.priority;
    if (event_.team) fact_["team"] = *event_.team;
    if (event_.labels) fact_["labels"] = *event_.labels;
    moment("waiting_since", event_.waiting_since_ms);
    moment("first_reply_at", event_.first_reply_at_ms);
    if (context_.sla_attributes == nullptr) return;
    for (const std::string& name : *context_.sla_attributes) {
      const auto value = event_.attributes.find(name);
      if (value != event_.attributes.end()) fact_["attributes"][name] = value->second;
    }
  }

  const HelpdeskEvent& event_;
  const EventContext& context_;
  json fact_;
};

}  // namespace

std::string encode_fact(const HelpdeskEvent& event, const EventContext& context) {
  return FactWriter(event, context).write();
}

}  // namespace deskwire::jobs
