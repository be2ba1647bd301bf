#include "publishers/oncall/page.h"

#include <nlohmann/json.hpp>

#include "core/json.h"
#include "core/timestamp.h"

namespace deskwire::publishers {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxListed = 20;
constexpr std::size_t kMaxDedup = 255;

/// A number or text as text; null and absent are empty.
std::string word_at(const json& data, const char* key) { return id_at(data, key).value_or(""); }

/// "first response" of "first_response".
std::string spoken(std::string name) {
  for (char& c : name) {
    if (c == '_') c = ' ';
  }
  return name;
}

/// "DeadJobs" of "dead_jobs".
std::string camel(const std::string& name) {
  std::string text;
  bool begins = true;
  for (const char c : name) {
    if (c != '_') text += begins && c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    begins = c == '_';
  }
  return text;
}

std::string span(std::int64_t seconds) {
  if (seconds < 120) return std::to_string(seconds) + " s";
  if (seconds < 7200) return std::to_string(seconds / 60) + " min";
  return std::to_string(seconds / 3600) + " h";
}

std::string replaced(std::string text, const std::string& name, const std::string& value) {
  for (std::size_t at = text.find(name); at != std::string::npos; at = text.find(name, at)) {
    text.replace(at, name.size(), value);
    at += value.size();
  }
  return text;
}

std::string link_of(const std::string& pattern, const json& state) {
  const json& data = object_at(state, "data");
  std::string url = replaced(pattern, "{account}", word_at(data, "account"));
  url = replaced(url, "{conversation}", word_at(data, "conversation"));
  return replaced(url, "{event_id}", string_at(state, "event_id"));
}

std::string policy_of(const json& data) { return string_at(object_at(data, "policy"), "id"); }

std::string subject_of(const json& data) {
  const std::string conversation = word_at(data, "conversation");
  if (!conversation.empty()) return "conversation " + conversation;
  const std::string queue = word_at(data, "queue");
  return queue.empty() ? word_at(data, "name") : "queue " + queue;
}

/// One line: what, of whom, how late.
std::string headline(const json& state) {
  const json& data = object_at(state, "data");
  const std::string summary = string_at(data, "summary");
  if (!summary.empty()) return summary;
  const bool violated = string_at(state, "level") == "violation";
  const std::int64_t threshold = integer_at(data, "threshold").value_or(0);
  const std::int64_t actual = integer_at(data, "actual").value_or(0);
  std::string text = spoken(word_at(data, "metric")) + (violated ? " violated" : " in danger");
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 32);
  if (violated && actual > threshold) text += " by " + span(actual - threshold);
  text += ": " + subject_of(data);
  const std::string policy = policy_of(data);
  return policy.empty() ? text : text + " (" + policy + ")";
}

std::string reason(const json& state) {
  const json& data = object_at(state, "data");
  if (!string_at(data, "reason").empty()) return string_at(data, "reason");
  const std::int64_t threshold = integer_at(data, "threshold").value_or(0);
  const std::int64_t actual = integer_at(data, "actual").value_or(0);
  const std::string hours = string_at(data, "hours") == "business" ? " of business hours" : "";
  const std::int64_t target = integer_at(data, "target").value_or(threshold);
  std::string text = span(actual) + hours + " have passed; ";
  return string_at(state, "level") == "violation"
             ? text + "the target is " + span(threshold)
             : text + "the warning is at " + span(threshold) + " of " + span(target);
}

std::string advice(const json& state) {
  const json& data = object_at(state, "data");
  if (!string_at(data, "advice").empty()) return string_at(data, "advice");
  const std::string metric = word_at(data, "metric");
  if (metric == "resolution") return "Resolve the conversation, or set it to pending.";
  if (metric == "queue_wait") {
    return "Jobs wait for a worker: see `deskwire jobs stats` and `deskwire jobs why`.";
  }
  return "Answer the customer, or acknowledge that you have seen this.";
}

/// Why nobody knows whether it still holds.
std::string doubt(const PageSubject& subject, const config::Sla& sla) {
  const std::size_t all = subject.states.size() + subject.more;
  const std::string whom =
      all == 1 ? "the conversation" : std::to_string(subject.unread) + " of the conversations";
  return whom + " could not be read back from the helpdesk within " +
         std::to_string(sla.on_call.read_back_s) + " s, and may have been answered already";
}

std::string next_of(const std::vector<config::SlaStep>& ladder, std::size_t step) {
  for (std::size_t i = step + 1; i < ladder.size(); ++i) {
    if (step < ladder.size() && ladder[i].on != ladder[step].on) continue;
    std::string names;
    for (const std::string& name : ladder[i].to) names += (names.empty() ? "" : ", ") + name;
    const std::int64_t wait = ladder[i].after_s - ladder[step].after_s;
    return names + " in " + span(wait) + (ladder[i].unless.empty() ? "" : ", unless acknowledged");
  }
  return "nobody";
}

void add_details(Alert& alert, const json& state) {
  const json& data = object_at(state, "data");
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) alert.details.emplace_back(name, value);
  };
  for (const char* name : {"threshold", "actual", "due_at", "priority", "assignee", "team"}) {
    add(name, word_at(data, name));
  }
  add("event_id", string_at(state, "event_id"));
}

}  // namespace

std::int64_t moment_at(const json& data, std::string_view key) {
  if (const auto number = integer_at(data, key)) return *number;
  return parse_iso8601_ms(string_at(data, key)).value_or(0);
}

Alert make_page(const PageSubject& subject, const config::Sla& sla, std::int64_t now_ms) {
  const std::vector<json>& states = subject.states;
  const std::string count = std::to_string(states.size() + subject.more);
  const json& first = states.front();
  const json& data = object_at(first, "data");
  Alert alert;
  alert.action = subject.action;
  alert.now_ms = now_ms;
  alert.event = string_at(first, "name");
  alert.severity = string_at(data, "severity", "warning");
  alert.name =
      alert.event.starts_with("alert:") ? "Deskwire" + camel(word_at(data, "name")) : "HelpdeskSLA";
  alert.dedup_key = string_at(first, "key").substr(0, kMaxDedup);
  alert.since_ms = moment_at(data, "since");
  if (alert.since_ms == 0) alert.since_ms = moment_at(data, "timestamp");
  alert.summary = headline(first);
  alert.labels = {{"metric", word_at(data, "metric")}, {"policy", policy_of(data)}};
  if (states.size() == 1) {
    for (const char* name : {"account", "conversation", "cycle", "queue", "source"}) {
      alert.labels[name] = word_at(data, name);
    }
    alert.link = link_of(sla.on_call.conversation_url, first);
    if (!alert.link.empty() && word_at(data, "conversation").empty()) alert.link.clear();
  } else {
    alert.summary = count + " × " + spoken(word_at(data, "metric")) +
                    (string_at(first, "level") == "violation" ? " violated" : " in danger") + " (" +
                    policy_of(data) + ")";
  }
  alert.board_link = link_of(sla.on_call.board_url, first);
  alert.unverified = subject.action == Alert::Action::kTrigger && subject.unread > 0;
  if (alert.unverified) alert.details.emplace_back("unverified", doubt(subject, sla));
  alert.details.emplace_back("why", reason(first));
  alert.details.emplace_back("since", iso8601(alert.since_ms));
  alert.details.emplace_back("do", advice(first));
  alert.details.emplace_back("next", next_of(subject.ladder, subject.step));
  if (states.size() == 1) {
    add_details(alert, first);
    return alert;
  }
  std::string list;
  for (std::size_t i = 0; i < states.size() && i < kMaxListed; ++i) {
    list += (list.empty() ? "" : "; ") + headline(states[i]);
  }
  if (states.size() > kMaxListed) {
    list += "; and " + std::to_string(states.size() + subject.more - kMaxListed) + " more";
  }
  alert.details.emplace_back("count", count);
  alert.details.emplace_back("list", list);
  return alert;
}

}  // namespace deskwire::publishers
