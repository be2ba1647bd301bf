#include "worker/sla/sla_event.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/channel.h"
#include "core/ids.h"
#include "core/json.h"
#include "core/timestamp.h"

namespace deskwire::worker {
namespace {

using nlohmann::json;
using Kind = SlaOccurrence::Kind;

constexpr std::size_t kMostDigits = 15;  // A double holds them exactly.

/// Numbers stay numbers, as the helpdesk writes them.
json id_json(const std::string& id) {
  const bool number =
      !id.empty() && id.size() <= kMostDigits && id.front() != '0' &&
      std::all_of(id.begin(), id.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!number) return id.empty() ? json(nullptr) : json(id);
  std::int64_t value = 0;
  std::from_chars(id.data(), id.data() + id.size(), value);
  return value;
}

/// The helpdesk's id of a conversation's key: what comes after its namespace.
std::string helpdesk_id(const std::string& conversation) {
  const std::size_t tilde = conversation.find('~');
  return tilde == std::string::npos ? conversation : conversation.substr(tilde + 1);
}

bool is_critical(const SlaOccurrence& occurrence) {
  return occurrence.kind == Kind::kViolation || occurrence.late ||
         (occurrence.due_ms && *occurrence.due_ms < occurrence.at_ms);
}

/// Whoever is told of these can acknowledge them.
bool is_alert(Kind kind) { return kind == Kind::kWarning || kind == Kind::kViolation; }

std::string note_of(const SlaOccurrence& occurrence) {
  std::string note(name_of(occurrence.kind));
  note.append(1, ' ').append(name_of(occurrence.metric));
  return note.append(1, ' ').append(std::to_string(occurrence.cycle));
}

std::vector<std::string> channels_of(const std::string& conversation, bool mirror) {
  std::vector<std::string> channels{internal_channel(conversation)};
  if (mirror) channels.push_back(conversation_channel(conversation));
  return channels;
}

const std::vector<std::string>& globals() {
  static const std::vector<std::string> all{"agents", "oncall"};
  return all;
}

json common_data(const SlaSubject& subject, SlaMetricName metric, int cycle,
                 std::string_view name) {
  return {{"v", 1},
          {"type", name},
          {"alert_key", alert_key(subject, metric, cycle)},
          {"account", id_json(subject.account)},
          {"conversation", id_json(helpdesk_id(subject.conversation))},
          {"channel", conversation_channel(subject.conversation)},
          {"metric", name_of(metric)},
          {"cycle", cycle},
          {"unit", "s"},
          {"assignee", id_json(subject.assignee)},
          {"team", subject.team.empty() ? json(nullptr) : json(subject.team)},
          {"replay", false}};
}

void add_target(json& data, const SlaTarget& target, std::int64_t at_ms) {
  data["target"] = target.target_ms / 1000;
  data["priority"] = target.priority.empty() ? json(nullptr) : json(target.priority);
  data["policy"] = {{"id", target.policy->id}, {"version", target.policy->version}};
  data["hours"] = target.calendar_id.empty() ? "calendar" : "business";
  data["calendar"] =
      target.calendar_id.empty()
          ? json(nullptr)
          : json({{"id", target.calendar_id}, {"version", target.calendar->version_at(at_ms)}});
}

void add_times(json& data, std::int64_t start_ms, std::optional<std::int64_t> due_ms,
               std::int64_t paused_s) {
  data["started_at"] = iso8601(start_ms);
  data["due_at"] = due_ms ? json(iso8601(*due_ms)) : json(nullptr);
  data["paused_s"] = paused_s;
}

Event event_of(std::string name, std::string id, json data, std::int64_t now_ms) {
  data["emitted_at"] = iso8601(now_ms);
  data["timestamp"] = now_ms;
  Event event;
  event.id = std::move(id);
  event.name = std::move(name);
  event.timestamp = now_ms;
  event.data = dump_json(data);
  return event;
}

}  // namespace

SlaSubject subject_of(const SlaFold& fold, std::string_view lane, bool mirror) {
  SlaSubject subject;
  subject.account =
      fold.attributes.account.empty() ? fold.attributes.source : fold.attributes.account;
  subject.conversation = lane;
  subject.assignee = fold.attributes.assignee.value_or("");
  subject.team = fold.attributes.team.value_or("");
  subject.mirror = mirror;
  return subject;
}

std::string event_id(const SlaSubject& subject, const SlaOccurrence& occurrence) {
  return event_id(subject.account, subject.conversation, occurrence);
}

std::string alert_key(const SlaSubject& subject, SlaMetricName metric, int cycle) {
  return alert_key(subject.account, subject.conversation, metric, cycle);
}

std::string mark_field(SlaMetricName metric, int cycle) {
  return std::string(name_of(metric)).append(1, '/').append(std::to_string(cycle));
}

json clock_json(const SlaSubject& subject, const SlaClock& clock, const std::string& mark) {
  json data = common_data(subject, clock.metric, clock.cycle, "sla:clock");
  data.erase("replay");
  add_target(data, clock.target, clock.start_ms);
  add_times(data, clock.start_ms, clock.due_ms, clock.paused_ms / 1000);
  data["state"] = name_of(clock.state);
  data["threshold"] = clock.target.target_ms / 1000;
  data["actual"] = clock.elapsed_ms / 1000;
  data["breached"] = clock.breached;
  data["warned"] = !clock.warned.empty();
  data["severity"] = clock.breached ? "critical" : "warning";
  data["mark"] = mark_field(clock.metric, clock.cycle);
  data["started_ms"] = clock.start_ms;
  data["due_ms"] = clock.due_ms.value_or(0);
  data["ended_ms"] = clock.end_ms;
  data["ack"] = parse_json(mark).value_or(json{{"state", "none"}});
  if (clock.silent) data["silent"] = true;
  if (!clock.reason.empty()) data["reason"] = clock.reason;
  return data;
}

jobs::ClockEvent make_sla_event(const SlaSubject& subject, const SlaOccurrence& occurrence,
                                std::int64_t actual_s, const std::string& mark,
                                std::int64_t generation, std::int64_t now_ms) {
  const std::string name = "sla:" + std::string(name_of(occurrence.kind));
  json data = common_data(subject, occurrence.metric, occurrence.cycle, name);
  add_target(data, occurrence.target, occurrence.at_ms);
  add_times(data, occurrence.start_ms, occurrence.due_ms, occurrence.paused_s);
  data["event_id"] = event_id(subject, occurrence);
  data["gen"] = generation;
  data["threshold"] = occurrence.threshold_s;
  data["actual"] = actual_s;
  data["severity"] = is_critical(occurrence) ? "critical" : "warning";
  data["late_by_s"] = std::max<std::int64_t>(0, now_ms - occurrence.at_ms) / 1000;
  data["ack"] = parse_json(mark).value_or(json{{"state", "none"}});
  if (occurrence.kind == Kind::kWarning && occurrence.level.percent > 0) {
    data["percent"] = occurrence.level.percent;
  } else if (occurrence.kind == Kind::kWarning) {
    data["before_s"] = occurrence.level.before_s;
  }
  if (occurrence.kind == Kind::kMet) data["late"] = occurrence.late;
  if (!occurrence.reason.empty()) data["reason"] = occurrence.reason;

  jobs::ClockEvent event;
  event.id = event_id(subject, occurrence);
  event.note = note_of(occurrence);
  if (is_alert(occurrence.kind)) {
    event.alert = dump_json({{"lane", subject.conversation},
                             {"mark", mark_field(occurrence.metric, occurrence.cycle)},
                             {"mirror", subject.mirror},
                             {"data", data}});
  }
  event.event = event_of(name, event.id, std::move(data), now_ms);
  event.channels = channels_of(subject.conversation, subject.mirror);
  event.globals = globals();
  return event;
}

jobs::ClockEvent make_retraction(const SlaSubject& subject, const std::string& violation_id,
                                 const Retracted& what, std::int64_t generation,
                                 std::int64_t now_ms) {
  json data = common_data(subject, what.metric, what.cycle, "sla:retracted");
  data["event_id"] = violation_id;
  data["gen"] = generation;
  data["threshold"] = what.clock == nullptr ? 0 : what.clock->target.target_ms / 1000;
  data["actual"] = what.clock == nullptr ? 0 : what.clock->elapsed_ms / 1000;
  data["severity"] = "critical";  // Of what is taken back.
  data["ack"] = {{"state", "none"}};
  if (what.clock != nullptr) {
    add_target(data, what.clock->target, what.clock->start_ms);
    add_times(data, what.clock->start_ms, what.clock->due_ms, what.clock->paused_ms / 1000);
  }
  jobs::ClockEvent event;
  event.id = derived_id("sla:retracted", violation_id);
  event.note = "retraction " + mark_field(what.metric, what.cycle);
  event.event = event_of("sla:retracted", event.id, std::move(data), now_ms);
  event.channels = channels_of(subject.conversation, subject.mirror);
  event.globals = globals();
  return event;
}

}  // namespace deskwire::worker
