// The payloads, field by field as the receivers document them.
#include <nlohmann/json.hpp>

#include "core/json.h"
#include "core/timestamp.h"
#include "publishers/sinks/sinks.h"

namespace deskwire::publishers {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxSummary = 1024;  // PagerDuty.
constexpr std::size_t kMaxSection = 2900;  // Slack allows 3000 characters in a block's text.
constexpr std::size_t kMaxValue = 4000;

/// At most `limit` bytes, never half a character.
std::string cut(std::string text, std::size_t limit) {
  if (text.size() <= limit) return text;
  std::size_t end = limit - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  text.resize(end);
  return text + "...";
}

/// "2026-11-20T10:00:00.000+0000", PagerDuty's form.
std::string pagerduty_time(std::int64_t unix_ms) {
  return iso8601(unix_ms / 1000 * 1000).substr(0, 19) + ".000+0000";
}

}  // namespace

std::string alertmanager_body(const Alert& alert, std::int64_t ends_at_ms) {
  json labels = {{"alertname", alert.name}, {"severity", alert.severity}};
  for (const auto& [name, value] : alert.labels) {
    if (!value.empty()) labels[name] = value;
  }
  // Labels identify the alert: whatever changes goes to the annotations.
  json annotations = {{"summary", alert.summary}};
  for (const auto& [name, value] : alert.details) annotations[name] = cut(value, kMaxValue);
  json one = {{"labels", std::move(labels)},
              {"annotations", std::move(annotations)},
              {"startsAt", iso8601(alert.since_ms)},
              {"endsAt", iso8601(ends_at_ms)}};
  if (!alert.link.empty()) one["generatorURL"] = alert.link;
  return dump_json(json::array({std::move(one)}));
}

std::string pagerduty_body(const Alert& alert, std::string_view routing_key) {
  json body = {{"routing_key", routing_key},
               {"event_action", name_of(alert.action)},
               {"dedup_key", alert.dedup_key}};
  if (alert.action != Alert::Action::kTrigger) return dump_json(body);
  json custom = json::object();
  for (const auto& [name, value] : alert.details) custom[name] = cut(value, kMaxValue);
  const auto label = [&](const char* name) {
    const auto found = alert.labels.find(name);
    return found == alert.labels.end() ? std::string() : found->second;
  };
  body["payload"] = {{"summary", cut(alert.summary, kMaxSummary)},
                     {"source", "deskwire"},
                     {"severity", alert.severity},
                     {"timestamp", pagerduty_time(alert.since_ms)},
                     {"component", label("metric")},
                     {"group", label("policy")},
                     {"class", alert.event},
                     {"custom_details", std::move(custom)}};
  json links = json::array();
  if (!alert.link.empty()) links.push_back({{"href", alert.link}, {"text", "Open"}});
  if (!alert.board_link.empty()) {
    links.push_back({{"href", alert.board_link}, {"text", "Acknowledge or snooze"}});
  }
  if (!links.empty()) body["links"] = std::move(links);
  body["client"] = "Deskwire";
  if (!alert.board_link.empty()) body["client_url"] = alert.board_link;
  return dump_json(body);
}

std::string slack_escape(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    if (c == '&') {
      safe += "&amp;";
    } else if (c == '<') {
      safe += "&lt;";
    } else if (c == '>') {
      safe += "&gt;";
    } else {
      safe += c == '\n' || c == '\r' ? ' ' : c;
    }
  }
  return safe;
}

std::string slack_body(const Alert& alert) {
  const char* tag = alert.action == Alert::Action::kResolve       ? "resolved"
                    : alert.action == Alert::Action::kAcknowledge ? "acknowledged"
                                                                  : nullptr;
  const std::string title = "[" + (tag != nullptr ? std::string(tag) : alert.severity) + "] " +
                            alert.summary + (alert.unverified ? " (unverified)" : "");
  std::string section = "*" + slack_escape(title) + "*";
  if (!alert.link.empty()) section += "\n<" + slack_escape(alert.link) + "|Open>";
  if (alert.action == Alert::Action::kTrigger && !alert.board_link.empty()) {
    section += alert.link.empty() ? "\n" : " · ";
    section += "<" + slack_escape(alert.board_link) + "|Acknowledge or snooze>";
  }
  json blocks = json::array();
  blocks.push_back(
      {{"type", "section"}, {"text", {{"type", "mrkdwn"}, {"text", cut(section, kMaxSection)}}}});
  std::string lines;
  for (const auto& [name, value] : alert.details) {
    if (!lines.empty()) lines += '\n';
    lines += slack_escape(name) + ": " + slack_escape(value);
  }
  if (!lines.empty() && alert.action == Alert::Action::kTrigger) {
    blocks.push_back(
        {{"type", "context"},
         {"elements", json::array({{{"type", "mrkdwn"}, {"text", cut(lines, kMaxSection)}}})}});
  }
  return dump_json({{"text", slack_escape(cut(title, kMaxSection))}, {"blocks", blocks}});
}

std::string webhook_body(const Alert& alert) {
  json details = json::object();
  for (const auto& [name, value] : alert.details) details[name] = value;
  json data = {{"id", alert.id},
               {"action", name_of(alert.action)},
               {"dedup_key", alert.dedup_key},
               {"name", alert.name},
               {"severity", alert.severity},
               {"summary", alert.summary},
               {"since", iso8601(alert.since_ms)},
               {"labels", alert.labels},
               {"details", std::move(details)},
               {"link", alert.link},
               {"board", alert.board_link}};
  if (alert.unverified) data["unverified"] = true;
  return dump_json(
      {{"type", alert.event}, {"timestamp", iso8601(alert.now_ms)}, {"data", std::move(data)}});
}

}  // namespace deskwire::publishers
