// What the on-call desk does when something is due.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/ids.h"
#include "core/json.h"
#include "core/log.h"
#include "publishers/oncall/on_call_desk.h"
#include "publishers/oncall/page.h"

namespace deskwire::publishers {
namespace {

using nlohmann::json;

/// The first page of a burst waits so long for the rest of it.
constexpr std::int64_t kGatherMs = 2000;
constexpr std::string_view kCalendarPrefix = "calendar:";
constexpr int kMaxConflicts = 20;
/// Of one page; what comes beyond is counted only.
constexpr std::size_t kMaxMembers = 1000;
constexpr int kMaxDoublings = 20;

struct StepName {
  std::string event_id;
  std::size_t index = 0;
  std::string key;
};

/// `step|<event id>|<index>|<alert key>`, and what has that form.
std::optional<StepName> parse_step(const std::string& task) {
  const std::size_t first = task.find('|');
  const std::size_t second = task.find('|', first + 1);
  const std::size_t third = second == std::string::npos ? second : task.find('|', second + 1);
  if (third == std::string::npos) return std::nullopt;
  StepName name{task.substr(first + 1, second - first - 1), 0, task.substr(third + 1)};
  std::from_chars(task.data() + second + 1, task.data() + third, name.index);
  return name;
}

/// The alert with the time that has passed by now. Under business hours, and while it is paused,
/// only the clock itself knows: then what was told stays.
json as_of(json state, std::int64_t now_ms) {
  if (string_at(object_at(state, "data"), "hours") != "calendar") return state;
  json& data = state["data"];
  const std::int64_t told_ms = integer_at(data, "timestamp").value_or(now_ms);
  const std::int64_t since_s = std::max<std::int64_t>(0, now_ms - told_ms) / 1000;
  data["actual"] = integer_at(data, "actual").value_or(0) + since_s;
  return state;
}

/// A page is repeated in the hours of the step that told first.
std::string hours_of_first(const json& done, const std::vector<config::SlaStep>& ladder) {
  const auto index = done.empty() ? ladder.size() : done.front().get<std::size_t>();
  return index < ladder.size() ? ladder[index].hours : config::SlaStep().hours;
}

json member_of(const json& state) {
  return {{"key", string_at(state, "key")}, {"event_id", string_at(state, "event_id")}};
}

}  // namespace

std::int64_t OnCallDesk::wait_of(const config::SlaStep& step, const json& state,
                                 std::int64_t now_ms) const {
  const std::int64_t snoozed = integer_at(state, "snoozed_until").value_or(0);
  const auto has = [&](const char* word) {
    return std::find(step.unless.begin(), step.unless.end(), word) != step.unless.end();
  };
  if (has("snoozed") && snoozed > now_ms) return snoozed;
  const std::string policy = string_at(object_at(object_at(state, "data"), "policy"), "id");
  for (const config::SlaMaintenance& window : sla_.maintenance) {
    const bool meant =
        window.policies.empty() ||
        std::find(window.policies.begin(), window.policies.end(), policy) != window.policies.end();
    if (meant && now_ms >= window.from_ms.value_or(0) && now_ms < window.to_ms.value_or(0)) {
      return *window.to_ms;
    }
  }
  if (!step.hours.starts_with(kCalendarPrefix)) return 0;
  // A calendar that never opens again must not swallow a page.
  const auto open = ports_.next_open(step.hours.substr(kCalendarPrefix.size()), now_ms);
  return open.value_or(now_ms) > now_ms ? *open : 0;
}

Status OnCallDesk::run_step(const DueTask& task, std::int64_t now_ms) {
  OnCallChange change;
  change.held = task;
  const auto name = parse_step(task.name);
  if (!name) return commit(change);
  auto state = load("a|" + name->key, change);
  if (!state) return fail(std::move(state.error()));
  const auto ladder = ladder_of(*state);
  const bool current = string_at(*state, "event_id") == name->event_id;
  if (!current || name->index >= ladder.size()) return commit(change);
  const config::SlaStep& step = ladder[name->index];
  const bool acked = bool_at(*state, "acked") && std::find(step.unless.begin(), step.unless.end(),
                                                           "acked") != step.unless.end();
  if (acked) return commit(change);
  if (const std::int64_t until = wait_of(step, *state, now_ms); until > 0) {
    change.tasks[task.name] = until;
    return commit(change);
  }
  if (auto reached = reach(change, step, name->index, *state, now_ms); !reached) return reached;
  if (auto done = commit(change); !done) return done;
  if (std::find(step.to.begin(), step.to.end(), "ws") != step.to.end() && step.after_s > 0) {
    announce(as_of(std::move(*state), now_ms), step, name->index, now_ms);
  }
  return {};
}

Status OnCallDesk::run_again(const DueTask& task, bool remind, std::int64_t now_ms) {
  OnCallChange change;
  change.held = task;
  const auto name = parse_step(task.name);
  if (!name) return commit(change);
  const auto state = load("a|" + name->key, change);
  if (!state) return fail(state.error());
  const auto policy = policy_of(*state);
  const bool current = string_at(*state, "event_id") == name->event_id;
  if (!current || !policy || bool_at(*state, "acked") != remind) return commit(change);
  const std::int64_t every_ms =
      (remind ? policy->ack.remind_after_s : policy->repeat_every_s) * 1000;
  if (every_ms <= 0) return commit(change);
  config::SlaStep muted;
  muted.unless = {"snoozed"};
  muted.hours = hours_of_first(state->at("done"), policy->escalation);
  if (const std::int64_t until = wait_of(muted, *state, now_ms); until > 0) {
    change.tasks[task.name] = until;
    return commit(change);
  }
  change.tasks[task.name] = now_ms + every_ms;
  // Whoever was told hears it again under the same key, so that it stays one incident.
  for (const json& told : state->at("told")) {
    const auto sink = ports_.sinks.find(told.at(0).get<std::string>());
    // One that forgets is told all the time, and repeats by its own rules.
    if (sink != ports_.sinks.end() && sink->second->memory().count() > 0) continue;
    add_notification(change,
                     {{"sink", told.at(0)},
                      {"action", "trigger"},
                      {"dedup", told.at(1)},
                      {"members", json::array({member_of(*state)})},
                      {"step", 0}},
                     now_ms);
  }
  return commit(change);
}

Status OnCallDesk::reach(OnCallChange& change, const config::SlaStep& step, std::size_t index,
                         json state, std::int64_t now_ms) {
  const json& data = object_at(state, "data");
  for (const std::string& sink : step.to) {
    const auto found = ports_.sinks.find(sink);
    if (found == ports_.sinks.end()) continue;
    if (found->second->groups_itself()) {
      add_notification(change,
                       {{"sink", sink},
                        {"action", "trigger"},
                        {"members", json::array({member_of(state)})},
                        {"step", index}},
                       now_ms);
      continue;
    }
    const std::string key = "g|" + sink + "|" + string_at(object_at(data, "policy"), "id") + "|" +
                            string_at(data, "metric", string_at(data, "name")) + "|" +
                            string_at(state, "level") + "|" + std::to_string(index);
    auto group = load(key, change);
    if (!group) return fail(std::move(group.error()));
    json gathered = group->is_object() ? std::move(*group) : json{{"members", json::array()}};
    gathered["sink"] = sink;
    gathered["step"] = index;
    if (gathered["members"].size() < kMaxMembers) {
      gathered["members"].push_back(member_of(state));
    } else {
      gathered["more"] = gathered.value("more", 0) + 1;
    }
    put(change, key, gathered);
    const std::int64_t gather = std::min(kGatherMs, sla_.on_call.group_s * 1000);
    change.tasks[key] = std::max(now_ms + gather, integer_at(gathered, "next_at").value_or(0));
  }
  state["done"].push_back(index);
  put(change, "a|" + string_at(state, "key"), state);
  return {};
}

void OnCallDesk::announce(const json& state, const config::SlaStep& step, std::size_t index,
                          std::int64_t now_ms) const {
  json data = object_at(state, "data");
  data["type"] = "sla:escalated";
  data["step"] = index;
  data["to"] = step.to;
  data["timestamp"] = now_ms;
  Event event;
  event.id = derived_id("sla:escalated", string_at(state, "event_id"), std::to_string(index));
  event.name = "sla:escalated";
  event.timestamp = now_ms;
  event.data = dump_json(data);
  event.once = true;
  std::vector<std::string> channels = {"agents", "oncall"};
  if (const std::string channel = string_at(data, "channel"); !channel.empty()) {
    channels.push_back(channel + ":internal");
  }
  for (const std::string& channel : channels) {
    event.channel = channel;
    ports_.publish(event);
  }
}

Status OnCallDesk::run_group(const DueTask& task, std::int64_t now_ms) {
  OnCallChange change;
  change.held = task;
  auto group = load(task.name, change);
  if (!group) return fail(std::move(group.error()));
  if (!group->is_object() || group->value("members", json::array()).empty()) {
    put(change, task.name, json());
    return commit(change);
  }
  add_notification(change,
                   {{"sink", group->at("sink")},
                    {"action", "trigger"},
                    {"members", group->at("members")},
                    {"more", group->value("more", 0)},
                    {"step", group->at("step")}},
                   now_ms);
  const std::int64_t next = now_ms + sla_.on_call.group_s * 1000;
  (*group)["members"] = json::array();
  group->erase("more");
  (*group)["next_at"] = next;
  put(change, task.name, *group);
  change.tasks[task.name] = next;
  return commit(change);
}

Status OnCallDesk::run_notification(const DueTask& task, std::int64_t now_ms) {
  OnCallChange change;
  change.held = task;
  auto loaded = load(task.name, change);
  if (!loaded) return fail(std::move(loaded.error()));
  json notification = std::move(*loaded);
  if (!notification.is_object()) return commit(change);
  const std::string action = string_at(notification, "action");
  std::vector<json> states;
  if (action == "trigger") {
    for (const json& member : notification.value("members", json::array())) {
      auto state = load("a|" + string_at(member, "key"), change);
      if (!state) return fail(std::move(state.error()));
      const bool current = string_at(*state, "event_id") == string_at(member, "event_id");
      if (current) states.push_back(as_of(std::move(*state), now_ms));
    }
  } else {
    states.push_back(object_at(notification, "frozen"));
  }
  if (states.empty()) {
    put(change, task.name, json());
    change.log.push_back(log_entry(notification, "over", "", now_ms));
    return commit(change);
  }
  const auto sink = ports_.sinks.find(string_at(notification, "sink"));
  if (sink == ports_.sinks.end()) {
    after_failure(task, std::move(notification),
                  Error{ErrorCode::kNotFound, "the sink is no longer configured"}, now_ms);
    return {};
  }
  if (is_to_be_read_back(notification, states.front())) {
    const auto ready = read_back(task, notification, states, now_ms);
    if (!ready) return fail(ready.error());
    if (!*ready) return {};
  }
  const auto step = static_cast<std::size_t>(integer_at(notification, "step").value_or(0));
  const Alert::Action kind = action == "acknowledge" ? Alert::Action::kAcknowledge
                             : action == "resolve"   ? Alert::Action::kResolve
                                                     : Alert::Action::kTrigger;
  const auto ladder = ladder_of(states.front());
  Alert alert = make_page({.states = states,
                           .more = static_cast<std::size_t>(notification.value("more", 0)),
                           .unread = unread_of(notification),
                           .action = kind,
                           .ladder = ladder,
                           .step = step},
                          sla_, now_ms);
  alert.id = string_at(notification, "id");
  if (states.size() > 1) alert.dedup_key = "sla/group/" + alert.id;
  alert.dedup_key = string_at(notification, "dedup", alert.dedup_key);
  notification["dedup"] = alert.dedup_key;
  const Status sent = sink->second->send(alert);
  if (!sent) {
    after_failure(task, std::move(notification), sent.error(), now_ms);
    return {};
  }
  return after_sent(task, std::move(notification), alert, states, now_ms);
}

Status OnCallDesk::after_sent(const DueTask& task, json notification, const Alert& alert,
                              const std::vector<json>& states, std::int64_t now_ms) {
  const std::string sink_name = string_at(notification, "sink");
  const std::int64_t memory = ports_.sinks.at(sink_name)->memory().count();
  const bool first = integer_at(notification, "told_at").value_or(0) == 0;
  if (first) ports_.count(sink_name, "sent");
  const bool trigger = string_at(notification, "action") == "trigger";
  for (int i = 0; i < kMaxConflicts; ++i) {
    OnCallChange change;
    change.held = task;
    json open = json::array();
    for (const json& state : states) {
      if (!trigger) break;
      const std::string key = string_at(state, "key");
      auto now_state = load("a|" + key, change);
      if (!now_state) return fail(std::move(now_state.error()));
      if (now_state->is_object()) {
        const json entry = json::array({sink_name, alert.dedup_key});
        json& told = (*now_state)["told"];
        if (std::find(told.begin(), told.end(), entry) == told.end()) told.push_back(entry);
        put(change, "a|" + key, *now_state);
        open.push_back(key);
      }
    }
    if (trigger && states.size() > 1 && !open.empty()) put(change, "o|" + alert.dedup_key, open);
    // Over while it was being sent: whoever was told of the beginning hears of the end.
    if (trigger && open.empty()) {
      add_notification(change,
                       {{"sink", sink_name},
                        {"action", "resolve"},
                        {"dedup", alert.dedup_key},
                        {"frozen", states.front()},
                        {"step", 0}},
                       now_ms);
    }
    if (first) {
      notification["told_at"] = now_ms;
      change.log.push_back(log_entry(notification, "sent", "", now_ms));
    }
    const std::int64_t told_at = integer_at(notification, "told_at").value_or(now_ms);
    const bool resolve = alert.action == Alert::Action::kResolve;
    const bool again =
        memory > 0 && (trigger ? !open.empty() : resolve && now_ms - told_at < memory);
    if (again) {
      notification["attempts"] = 0;
      notification["first_at"] = now_ms;
      put(change, task.name, notification);
      change.tasks[task.name] = now_ms + memory / 3;
    } else {
      put(change, task.name, json());
    }
    const Status done = commit(change);
    if (done || done.error().code != ErrorCode::kConflict) return done;
  }
  return {};
}

void OnCallDesk::after_failure(const DueTask& task, json notification, const Error& error,
                               std::int64_t now_ms) {
  const std::string name = string_at(notification, "sink");
  const auto settings = sla_.sinks.find(name);
  const config::SlaSink fallback;
  const config::SlaSink& sink = settings == sla_.sinks.end() ? fallback : settings->second;
  const std::int64_t attempts = integer_at(notification, "attempts").value_or(0);
  const std::int64_t first_at = integer_at(notification, "first_at").value_or(now_ms);
  OnCallChange change;
  change.held = task;
  const bool again = is_temporary(error.code) && now_ms - first_at < sink.give_up_s * 1000;
  if (again) {
    const double doubled =
        static_cast<double>(sink.backoff_base.count()) *
        std::pow(2.0, static_cast<double>(std::min<std::int64_t>(attempts, kMaxDoublings)));
    const double cap = std::min(doubled, static_cast<double>(sink.backoff_cap.count()));
    const auto jittered = static_cast<std::int64_t>(cap * (0.5 + 0.5 * ports_.random()));
    // Being asked to wait is no failure of ours, and costs no attempt.
    const bool asked = error.retry_after.has_value();
    notification["attempts"] = asked ? attempts : attempts + 1;
    put(change, task.name, notification);
    change.tasks[task.name] = now_ms + (asked ? error.retry_after->count() : jittered);
    if (!asked) ports_.count(name, "failed");
  } else {
    put(change, task.name, json());
    change.dead[string_at(notification, "id")] = dump_json(notification);
    change.log.push_back(log_entry(notification, "dead", name_of(error.code), now_ms));
    ports_.count(name, "dead");
    log::error("notification_dead", {{"sink", name},
                                     {"notification", string_at(notification, "id")},
                                     {"code", std::string(name_of(error.code))}});
  }
  if (const Status done = commit(change); !done) {
    log::warn("on_call_task_failed", {{"code", std::string(name_of(done.error().code))}});
  }
}

}  // namespace deskwire::publishers
