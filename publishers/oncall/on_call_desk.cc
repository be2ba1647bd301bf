#include "publishers/oncall/on_call_desk.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/json.h"
#include "core/log.h"
#include "core/timestamp.h"
#include "publishers/oncall/page.h"

namespace deskwire::publishers {
namespace {

using nlohmann::json;

constexpr int kMaxConflicts = 20;
/// What others keep changing is left to them for a moment.
constexpr std::int64_t kContendedMs = 250;

std::string alert_text_key(const std::string& alert_key) { return "a|" + alert_key; }

std::string key_of_event(const json& data) { return string_at(data, "alert_key"); }

std::string task_of(const char* verb, const json& state, std::size_t index) {
  return std::string(verb) + "|" + string_at(state, "event_id") + "|" + std::to_string(index) +
         "|" + string_at(state, "key");
}

bool is_live(const json& state) { return state.is_object() && state.contains("event_id"); }

}  // namespace

Result<json> OnCallDesk::load(const std::string& key, OnCallChange& change) {
  auto text = ports_.store.text(key);
  if (!text) return fail(std::move(text.error()));
  json value = *text ? parse_json(**text).value_or(json()) : json();
  change.expected[key] = std::move(*text);
  return value;
}

void OnCallDesk::put(OnCallChange& change, const std::string& key, const json& value) {
  change.texts[key] = value.is_null() ? std::nullopt : std::optional(dump_json(value));
}

Status OnCallDesk::commit(const OnCallChange& change) const {
  const auto done = ports_.store.commit(change);
  if (!done) return fail(done.error());
  if (!*done) return fail(ErrorCode::kConflict, "on-call: another replica was faster");
  return {};
}

OnCallDesk::OnCallDesk(const config::Sla& sla, Ports ports)
    : sla_(sla),
      policies_(std::make_shared<const std::vector<config::SlaPolicy>>(sla.policies)),
      ports_(std::move(ports)) {}

void OnCallDesk::set_policies(std::vector<config::SlaPolicy> policies) {
  policies_.replace(std::make_shared<const std::vector<config::SlaPolicy>>(std::move(policies)));
}

std::optional<config::SlaPolicy> OnCallDesk::policy_of(const json& state) const {
  const json& data = object_at(state, "data");
  const std::string id = string_at(object_at(data, "policy"), "id");
  const auto version = integer_at(object_at(data, "policy"), "version").value_or(0);
  const auto policies = policies_.read();
  const config::SlaPolicy* best = nullptr;
  for (const config::SlaPolicy& policy : *policies) {
    if (policy.id != id) continue;
    // Without its own version any of the same name is better than silence.
    if (best == nullptr || policy.version == version) best = &policy;
  }
  return best == nullptr ? std::nullopt : std::optional(*best);
}

std::vector<config::SlaStep> OnCallDesk::ladder_of(const json& state) const {
  if (string_at(state, "name").starts_with("alert:")) return sla_.alerts.escalation;
  if (string_at(object_at(state, "data"), "metric") == "queue_wait") {
    return sla_.on_call.queue_wait;
  }
  const auto policy = policy_of(state);
  return policy ? policy->escalation : std::vector<config::SlaStep>();
}

Result<bool> OnCallDesk::take_event(const OnCallChange::Move& move, std::string_view name,
                                    const json& data, std::int64_t now_ms) {
  for (int i = 0; i < kMaxConflicts; ++i) {
    const auto position = ports_.store.position(move.channel);
    if (!position) return fail(position.error());
    if (*position != move.from) return false;
    OnCallChange change;
    change.move = move;
    if (const Status planned = plan_event(change, name, data, now_ms); !planned) {
      return fail(planned.error());
    }
    const auto done = ports_.store.commit(change);
    if (!done) return fail(done.error());
    if (*done) return true;
  }
  return fail(ErrorCode::kConflict, "on-call: event of " + move.channel + " is contended");
}

Status OnCallDesk::plan_event(OnCallChange& change, std::string_view name, const json& data,
                              std::int64_t now_ms) {
  const std::string key = key_of_event(data);
  if (key.empty()) return {};
  if (name == "sla:warning" || name == "sla:violation" || name == "alert:firing") {
    return raise(change, key, name, data, now_ms);
  }
  if (name == "sla:acknowledged" || name == "sla:unacknowledged" || name == "sla:snoozed") {
    return mark(change, key, name, data, now_ms);
  }
  if (name == "sla:met" || name == "sla:cancelled" || name == "alert:resolved") {
    return settle(change, key, now_ms);
  }
  if (name != "sla:retracted") return {};
  const auto state = load(alert_text_key(key), change);
  if (!state) return fail(state.error());
  const bool ours = string_at(*state, "event_id") == string_at(data, "event_id");
  return ours ? settle(change, key, now_ms) : Status();
}

Status OnCallDesk::raise(OnCallChange& change, const std::string& key, std::string_view name,
                         const json& data, std::int64_t now_ms) {
  const std::string text_key = alert_text_key(key);
  const auto before = load(text_key, change);
  if (!before) return fail(before.error());
  const std::string event_id = string_at(data, "event_id");
  const std::string level = name == "sla:warning" ? "warning" : "violation";
  if (is_live(*before)) {
    // A repeat, or a warning that comes after its violation.
    if (string_at(*before, "event_id") == event_id) return {};
    if (string_at(*before, "level") == "violation" && level == "warning") return {};
  }
  // Steps count from the event, however late it is read.
  const std::int64_t told_ms = moment_at(data, "timestamp");
  const std::int64_t base = told_ms > 0 ? std::min(told_ms, now_ms) : now_ms;
  json state = {{"key", key},           {"event_id", event_id}, {"level", level},
                {"name", name},         {"data", data},         {"base", base},
                {"acked", false},       {"snoozed_until", 0},   {"done", json::array()},
                {"told", json::array()}};
  if (is_live(*before)) {
    // What was agreed about the warning holds for the violation: a snooze survives flapping.
    for (const char* kept : {"acked", "snoozed_until", "told"}) state[kept] = before->at(kept);
    close_replaced(change, *before, now_ms);
  }
  schedule_steps(change, state, now_ms);
  put(change, text_key, state);
  return {};
}

void OnCallDesk::close_replaced(OnCallChange& change, const json& before, std::int64_t now_ms) {
  for (const json& told : before.at("told")) {
    const auto sink = ports_.sinks.find(told.at(0).get<std::string>());
    if (sink == ports_.sinks.end() || !sink->second->groups_itself()) continue;
    add_notification(change,
                     {{"sink", told.at(0)},
                      {"action", "resolve"},
                      {"dedup", told.at(1)},
                      {"frozen", before},
                      {"step", 0}},
                     now_ms);
  }
}

void OnCallDesk::schedule_steps(OnCallChange& change, const json& state,
                                std::int64_t now_ms) const {
  const auto ladder = ladder_of(state);
  const std::string level = string_at(state, "level");
  const std::int64_t base = integer_at(state, "base").value_or(now_ms);
  for (std::size_t i = 0; i < ladder.size(); ++i) {
    if (ladder[i].on != level) continue;
    const json& done = state.at("done");
    if (std::find(done.begin(), done.end(), json(i)) != done.end()) continue;
    change.tasks[task_of("step", state, i)] = std::max(now_ms, base + ladder[i].after_s * 1000);
  }
  const auto policy = policy_of(state);
  if (!policy || level != "violation") return;
  const std::int64_t every_ms = policy->repeat_every_s * 1000;
  schedule_again(change, "repeat", state, std::max(now_ms, base) + every_ms, every_ms);
}

void OnCallDesk::schedule_again(OnCallChange& change, const char* task, const json& state,
                                std::int64_t due_ms, std::int64_t every_ms) {
  if (every_ms <= 0) return;
  change.tasks[task_of(task, state, 0)] = due_ms;
}

Status OnCallDesk::settle(OnCallChange& change, const std::string& key, std::int64_t now_ms) {
  const std::string text_key = alert_text_key(key);
  const auto state = load(text_key, change);
  if (!state) return fail(state.error());
  if (!is_live(*state)) return {};
  for (const json& told : state->at("told")) {
    const auto sink = told.at(0).get<std::string>();
    const auto dedup = told.at(1).get<std::string>();
    if (dedup != key) {
      // A page about several alerts is over with the last of them.
      const auto open = load("o|" + dedup, change);
      if (!open) return fail(open.error());
      json keys = json::array();
      if (open->is_array()) {
        for (const json& other : *open) {
          if (other != key) keys.push_back(other);
        }
      }
      put(change, "o|" + dedup, keys.empty() ? json() : keys);
      if (!keys.empty()) continue;
    }
    add_notification(
        change,
        {{"sink", sink}, {"action", "resolve"}, {"dedup", dedup}, {"frozen", *state}, {"step", 0}},
        now_ms);
  }
  put(change, text_key, json());
  return {};
}

Status OnCallDesk::mark(OnCallChange& change, const std::string& key, std::string_view name,
                        const json& data, std::int64_t now_ms) {
  const std::string text_key = alert_text_key(key);
  const auto before = load(text_key, change);
  if (!before) return fail(before.error());
  if (!is_live(*before)) return {};
  json state = *before;
  state["acked"] = name == "sla:acknowledged";
  state["snoozed_until"] =
      name == "sla:snoozed" ? moment_at(object_at(data, "ack"), "until_ms") : std::int64_t{0};
  if (name == "sla:unacknowledged") schedule_steps(change, state, now_ms);
  if (name == "sla:acknowledged") {
    const auto policy = policy_of(state);
    const std::int64_t every_ms = policy ? policy->ack.remind_after_s * 1000 : 0;
    schedule_again(change, "remind", state, now_ms + every_ms, every_ms);
    for (const json& told : state.at("told")) {
      const auto taken = is_taken(change, key, told.at(1).get<std::string>());
      if (!taken) return fail(taken.error());
      if (!*taken) continue;
      add_notification(change,
                       {{"sink", told.at(0)},
                        {"action", "acknowledge"},
                        {"dedup", told.at(1)},
                        {"frozen", state},
                        {"step", 0}},
                       now_ms);
    }
  }
  put(change, text_key, state);
  return {};
}

Result<bool> OnCallDesk::is_taken(OnCallChange& change, const std::string& key,
                                  const std::string& dedup) {
  if (dedup == key) return true;
  const auto open = load("o|" + dedup, change);
  if (!open) return fail(open.error());
  for (const json& other : open->is_array() ? *open : json::array()) {
    if (other == key) continue;
    const auto state = load(alert_text_key(other.get<std::string>()), change);
    if (!state) return fail(state.error());
    if (is_live(*state) && !bool_at(*state, "acked")) return false;
  }
  return true;
}

void OnCallDesk::add_notification(OnCallChange& change, json notification, std::int64_t now_ms) {
  const std::string id = ports_.new_id();
  notification["id"] = id;
  notification["first_at"] = now_ms;
  notification["attempts"] = 0;
  put(change, "n|" + id, notification);
  change.tasks["n|" + id] = now_ms;
}

void OnCallDesk::run(const DueTask& task, std::int64_t now_ms) {
  for (int i = 0; i < kMaxConflicts; ++i) {
    const Status done = task.name.starts_with("step|")     ? run_step(task, now_ms)
                        : task.name.starts_with("repeat|") ? run_again(task, false, now_ms)
                        : task.name.starts_with("remind|") ? run_again(task, true, now_ms)
                        : task.name.starts_with("g|")      ? run_group(task, now_ms)
                        : task.name == kHeartbeatTask      ? run_heartbeat(task, now_ms)
                                                           : run_notification(task, now_ms);
    if (done) return;
    // Whoever holds it next, after the lease, begins anew.
    if (done.error().code != ErrorCode::kConflict) {
      log::warn("on_call_task_failed", {{"code", std::string(name_of(done.error().code))}});
      return;
    }
  }
  OnCallChange later;
  later.held = task;
  later.tasks[task.name] = now_ms + kContendedMs;
  static_cast<void>(commit(later));
}

Status OnCallDesk::begin_heartbeat(std::int64_t now_ms) {
  if (sla_.on_call.heartbeat_s == 0 || sla_.on_call.heartbeat_to.empty()) return {};
  OnCallChange change;
  change.tasks[kHeartbeatTask] = now_ms;
  return commit(change);
}

Status OnCallDesk::run_heartbeat(const DueTask& task, std::int64_t now_ms) {
  OnCallChange change;
  change.held = task;
  if (sla_.on_call.heartbeat_s == 0) return commit(change);
  const json alive = {
      {"key", "deskwire/heartbeat"},
      {"event_id", ""},
      {"name", "alert:heartbeat"},
      {"data",
       {{"name", "Heartbeat"},
        {"severity", "info"},
        {"summary", "Deskwire is alive"},
        {"reason", "a sign of life every " + std::to_string(sla_.on_call.heartbeat_s) + " s"},
        {"advice", "Nothing, as long as these keep coming."},
        {"timestamp", now_ms}}}};
  for (const std::string& sink : sla_.on_call.heartbeat_to) {
    add_notification(
        change, {{"sink", sink}, {"action", "heartbeat"}, {"frozen", alive}, {"step", 0}}, now_ms);
  }
  change.tasks[task.name] = now_ms + sla_.on_call.heartbeat_s * 1000;
  return commit(change);
}

Status OnCallDesk::replay(const std::string& id, std::int64_t now_ms) {
  const auto letters = ports_.store.dead(static_cast<std::size_t>(sla_.on_call.max_dead));
  if (!letters) return fail(letters.error());
  for (const auto& [letter, text] : *letters) {
    if (letter != id) continue;
    json notification = parse_json(text).value_or(json::object());
    notification["first_at"] = now_ms;
    notification["attempts"] = 0;
    notification.erase("read_back");
    OnCallChange change;
    change.dead[id] = std::nullopt;
    put(change, "n|" + id, notification);
    change.tasks["n|" + id] = now_ms;
    return commit(change);
  }
  return fail(ErrorCode::kNotFound, "notification " + id + ": is not among the dead letters");
}

std::string OnCallDesk::log_entry(const json& notification, const char* result,
                                  std::string_view code, std::int64_t now_ms) const {
  json entry = {{"at", iso8601(now_ms)},
                {"notification", string_at(notification, "id")},
                {"sink", string_at(notification, "sink")},
                {"action", string_at(notification, "action")},
                {"dedup_key", string_at(notification, "dedup")},
                {"attempts", integer_at(notification, "attempts").value_or(0) + 1},
                {"result", result},
                {"code", code}};
  if (unread_of(notification) > 0) entry["unverified"] = true;
  return dump_json(entry);
}

}  // namespace deskwire::publishers
