#include "cli/sla_text.h"

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/time_text.h"
#include "core/json.h"

namespace deskwire::cli {
namespace {

using nlohmann::json;

std::string span_text(std::int64_t ms) {
  const std::int64_t all_s = ms / 1000;
  const auto days = static_cast<long long>(all_s / 86400);
  const auto hours = static_cast<long long>(all_s / 3600 % 24);
  const auto minutes = static_cast<long long>(all_s / 60 % 60);
  const auto seconds = static_cast<long long>(all_s % 60);
  std::array<char, 48> text{};
  if (days > 0) {
    std::snprintf(text.data(), text.size(), "%lldd %02lld:%02lld:%02lld", days, hours, minutes,
                  seconds);
  } else if (hours > 0) {
    std::snprintf(text.data(), text.size(), "%lld:%02lld:%02lld", hours, minutes, seconds);
  } else {
    std::snprintf(text.data(), text.size(), "%lld:%02lld", minutes, seconds);
  }
  return text.data();
}

}  // namespace

std::string ack_text(const json& ack, std::int64_t now_ms) {
  const std::string state = string_at(ack, "state");
  if (state.empty() || state == "none") return {};
  const std::string by = string_at(ack, "by");
  if (state == "snoozed") {
    return "snoozed by " + by + ", wakes " +
           spoken_moment(integer_at(ack, "until_ms").value_or(0), now_ms);
  }
  return "acknowledged by " + by + " " +
         spoken_moment(integer_at(ack, "at_ms").value_or(0), now_ms);
}

std::string countdown_text(const json& clock, std::int64_t now_ms) {
  if (integer_at(clock, "ended_ms").value_or(0) != 0) return "-";
  if (string_at(clock, "state") == "paused") return "paused";
  const std::int64_t due = integer_at(clock, "due_ms").value_or(0);
  if (due == 0) return "no due time";
  return due > now_ms ? span_text(due - now_ms) + " left" : span_text(now_ms - due) + " over";
}

Table clock_table(const json& clocks, std::int64_t now_ms) {
  Table table(
      {"CONVERSATION", "METRIC", "STATE", "TIME", "DUE", "POLICY", "PRIORITY", "ALERT", "EVENT"});
  for (const json& clock : clocks) {
    const std::string cycle = std::to_string(integer_at(clock, "cycle").value_or(0));
    table.add({string_at(clock, "conversation_key"), string_at(clock, "metric") + "/" + cycle,
               string_at(clock, "state"), countdown_text(clock, now_ms),
               string_at(clock, "due_at", "-"), string_at(object_at(clock, "policy"), "id"),
               string_at(clock, "priority", "-"), ack_text(object_at(clock, "ack"), now_ms),
               string_at(clock, "event_id")});
  }
  return table;
}

}  // namespace deskwire::cli
