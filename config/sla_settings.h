#pragma once

#include "config/schedule_settings.h"
#include "config/sla.h"

/// The keys under `sla`, for config/settings.h.
namespace deskwire::config {

inline constexpr std::int64_t kSlaYearS = 366LL * 24 * 3600;

template <typename Visitor>
void visit(Visitor& v, QueueWait& s) {
  v.number("warning_s", s.warning_s, 1, kSlaYearS);
  v.number("critical_s", s.critical_s, 1, kSlaYearS);
}

template <typename Visitor>
void visit(Visitor& v, SlaCondition& s) {
  v.text("field", s.field, checks::sla_field);
  v.text("op", s.op, checks::sla_operator);
  v.value("value", s.values);
}

template <typename Visitor>
void visit(Visitor& v, SlaMetric& s) {
  v.value("targets", s.targets_s);
  v.value("hours", s.hours);
  v.value("warn_at", s.warn_at);
  v.texts("pause_on", s.pause_on, checks::pause_reason);
  v.choice("counts_as_response", s.counts_as_response,
           {{"human", SlaAuthor::kHuman}, {"any", SlaAuthor::kAny}});
  v.flag("public_notes_count", s.public_notes_count);
  v.choice("start", s.start, {{"created", SlaStart::kCreated}, {"handover", SlaStart::kHandover}});
  v.choice("mode", s.mode,
           {{"total", SlaMode::kTotal}, {"first", SlaMode::kFirst}, {"cycle", SlaMode::kCycle}});
}

template <typename Visitor>
void visit(Visitor& v, SlaStep& s) {
  v.choice("on", s.on,
           {{"warning", std::string("warning")}, {"violation", std::string("violation")}});
  v.number("after_s", s.after_s, 0, kSlaYearS);
  v.texts("unless", s.unless, checks::step_unless);
  v.texts("to", s.to, checks::not_empty);
  v.text("hours", s.hours, checks::step_hours);
}

template <typename Visitor>
void visit(Visitor& v, SlaPolicy& s) {
  v.text("id", s.id, checks::entry_name);
  v.number("version", s.version, 1, 1000000000);
  v.number("position", s.position, -1000000, 1000000);
  v.moment("effective_from", s.effective_from_ms);
  v.moment("enforce_from", s.enforce_from_ms);
  v.group("match", [&](auto& match) {
    match.list("all", s.all);
    match.list("any", s.any);
  });
  v.text("calendar", s.calendar);
  v.group("metrics", [&](auto& metrics) {
    metrics.section("first_response", s.first_response);
    metrics.section("next_response", s.next_response);
    metrics.section("resolution", s.resolution);
  });
  v.list("escalation", s.escalation);
  v.group("ack", [&](auto& ack) {
    ack.number("remind_after_s", s.ack.remind_after_s, 0, kSlaYearS);
    ack.number("unack_after_s", s.ack.unack_after_s, 0, kSlaYearS);
  });
  v.number("violation_grace_s", s.violation_grace_s, 0, 3600);
  v.number("repeat_every_s", s.repeat_every_s, 0, kSlaYearS);
}

template <typename Visitor>
void visit(Visitor& v, SlaSink& s) {
  v.choice("type", s.type,
           {{"alertmanager", SinkType::kAlertmanager},
            {"pagerduty", SinkType::kPagerduty},
            {"slack", SinkType::kSlack},
            {"webhook", SinkType::kWebhook}});
  v.secret("url", s.url);
  v.texts("urls", s.urls, checks::base_url);
  v.secret("key", s.key);
  v.duration("request_timeout_ms", s.request_timeout, 10, 300000);
  v.duration("backoff_base_ms", s.backoff_base, 1, 3600000);
  v.duration("backoff_cap_ms", s.backoff_cap, 1, 3600000);
  v.number("give_up_s", s.give_up_s, 1, kSlaYearS);
}

template <typename Visitor>
void visit(Visitor& v, SlaMaintenance& s) {
  v.moment("from", s.from_ms);
  v.moment("to", s.to_ms);
  v.texts("policies", s.policies, checks::entry_name);
  v.text("comment", s.comment);
}

template <typename Visitor>
void visit(Visitor& v, OnCall& s) {
  v.number("group_s", s.group_s, 0, 3600);
  v.number("read_back_s", s.read_back_s, 0, 60);
  v.number("heartbeat_s", s.heartbeat_s, 0, 86400);
  v.texts("heartbeat_to", s.heartbeat_to, checks::not_empty);
  v.number("max_log", s.max_log, 100, 10000000);
  v.number("max_dead", s.max_dead, 10, 1000000);
  v.text("conversation_url", s.conversation_url, checks::link_pattern);
  v.text("board_url", s.board_url, checks::link_pattern);
  v.list("queue_wait", s.queue_wait);
}

template <typename Visitor>
void visit(Visitor& v, AlertLimits& s) {
  v.number("dead_jobs", s.dead_jobs, 0, 1000000000);
  v.number("circuit_open_s", s.circuit_open_s, 0, kSlaYearS);
  v.number("no_delivery_s", s.no_delivery_s, 0, kSlaYearS);
  v.number("spooled_deliveries", s.spooled_deliveries, 0, 1000000000);
  v.number("failing_connects_percent", s.failing_connects_percent, 0, 100);
  v.number("failing_deliveries_percent", s.failing_deliveries_percent, 0, 100);
  v.number("signature_failures_per_minute", s.signature_failures_per_minute, 0, 1000000000);
  v.number("window_s", s.window_s, 10, 86400);
  v.number("clear_for_s", s.clear_for_s, 0, 86400);
  v.list("escalation", s.escalation);
}

template <typename Visitor>
void visit(Visitor& v, Sla& s) {
  v.list("policies", s.policies);
  v.map("calendars", s.calendars, checks::entry_name);
  v.section("queue_wait", s.queue_wait);
  v.flag("mirror_to_conversation", s.mirror_to_conversation);
  v.map("sinks", s.sinks, checks::entry_name);
  v.list("maintenance", s.maintenance);
  v.section("on_call", s.on_call);
  v.section("alerts", s.alerts);
}

}  // namespace deskwire::config
