#pragma once

#include "config/checks.h"
#include "config/replies.h"

/// Keys of config `replies`; see config/settings.h.
namespace deskwire::config {

inline constexpr std::int64_t kReplyYearS = 366LL * 24 * 3600;
inline constexpr std::int64_t kReplyDayMs = 24LL * 3600 * 1000;

template <typename Visitor>
void visit(Visitor& v, ReplyRule& s) {
  v.text("contains", s.contains);
  v.texts("phrases", s.phrases, checks::not_empty);
  v.text("pattern", s.pattern, checks::pattern);
  v.texts("labels", s.labels, checks::not_empty);
  v.texts("languages", s.languages, checks::language);
  v.texts("days", s.days, checks::day_name);
  v.text("from", s.from, checks::time_of_day);
  v.text("to", s.to, checks::time_of_day);
  v.text("reply", s.reply, checks::not_empty);
}

template <typename Visitor>
void visit(Visitor& v, OpenAi& s) {
  v.text("url", s.url, checks::base_url);
  v.text("path", s.path, checks::url_path);
  v.secret("key", s.key);
  v.text("model", s.model);
  v.decimal("temperature", s.temperature, 0, 2);
  v.number("max_tokens", s.max_tokens, 1, 100000);
  v.texts("stop", s.stop, checks::not_empty);
  v.secret_map("headers", s.headers, checks::header_name);
  v.flag("stream", s.stream);
  v.duration("first_token_timeout_ms", s.first_token_timeout, 10, 600000);
  v.duration("timeout_ms", s.timeout, 10, 600000);
}

template <typename Visitor>
void visit(Visitor& v, ReplyService& s) {
  v.text("url", s.url, checks::base_url);
  v.secret("secret", s.secret);
  v.secret_map("headers", s.headers, checks::header_name);
  v.duration("timeout_ms", s.timeout, 10, 600000);
}

template <typename Visitor>
void visit(Visitor& v, Persona& s) {
  v.text("instructions", s.instructions);
  v.texts("suggestions", s.suggestions, checks::not_empty);
  v.texts("sources", s.sources, checks::source_name);
  v.texts("inboxes", s.inboxes, checks::not_empty);
}

template <typename Visitor>
void visit(Visitor& v, ReplyContextLimits& s) {
  v.number("messages", s.messages, 0, 200);
  v.number("max_tokens", s.max_tokens, 100, 1000000);
  v.number("max_message_characters", s.max_message_characters, 100, 150000);
  v.texts("attributes", s.attributes, checks::not_empty);
}

template <typename Visitor>
void visit(Visitor& v, ReplyGuards& s) {
  v.number("max_characters", s.max_characters, 1, 150000);
  v.number("max_per_window", s.max_per_window, 0, 200);
  v.number("window_s", s.window_s, 1, 86400);
  v.number("max_repeats", s.max_repeats, 0, 50);
  v.flag("templates", s.templates);
  v.flag("mask", s.mask);
  v.flag("keep_language", s.keep_language);
  v.number("tokens_per_day", s.tokens_per_day, 0, 1LL << 50);
  v.number("tokens_per_conversation", s.tokens_per_conversation, 0, 1LL << 50);
}

template <typename Visitor>
void visit(Visitor& v, HandOff& s) {
  v.texts("languages", s.languages, checks::hand_off_language);
  v.texts("phrases", s.phrases, checks::not_empty);
  v.texts("topics", s.topics, checks::not_empty);
  v.decimal("min_confidence", s.min_confidence, 0, 1);
  v.number("after_failures", s.after_failures, 1, 1000);
  v.duration("circuit_limit_ms", s.circuit_limit, 0, 7 * kReplyDayMs);
  v.choice("office_hours", s.office_hours,
           {{"never", OfficeHoursRule::kNever},
            {"inside", OfficeHoursRule::kInside},
            {"outside", OfficeHoursRule::kOutside}});
  v.texts("days", s.days, checks::day_name);
  v.text("from", s.from, checks::time_of_day);
  v.text("to", s.to, checks::time_of_day);
  v.flag("note", s.note);
  v.text("message", s.message);
  v.id("team_id", s.team_id);
  v.texts("labels", s.labels, checks::not_empty);
}

template <typename Visitor>
void visit(Visitor& v, RolloutRule& s) {
  v.text("source", s.source);
  v.id("inbox", s.inbox);
  v.flag("enabled", s.enabled);
  v.number("percent", s.percent, 0, 100);
  v.flag("shadow", s.shadow);
}

template <typename Visitor>
void visit(Visitor& v, Replies& s) {
  v.flag("enabled", s.enabled);
  v.number("percent", s.percent, 0, 100);
  v.flag("shadow", s.shadow);
  v.list("rollout", s.rollout);
  v.text("responder", s.responder, checks::responder);
  v.texts("chain", s.chain, checks::responder);
  v.list("rules", s.rules);
  v.text("time_zone", s.time_zone, checks::time_zone);
  v.section("openai", s.openai);
  v.section("http", s.http);
  v.group("circuit", [&](auto& circuit) {
    circuit.number("failures", s.circuit_failures, 1, 1000);
    circuit.duration("open_ms", s.circuit_open, 10, 3600000);
  });
  v.flag("stream_to_customer", s.stream_to_customer);
  v.text("persona", s.persona, checks::not_empty);
  v.map("personas", s.personas, checks::not_empty);
  v.section("context", s.context);
  v.section("guards", s.guards);
  v.section("hand_off", s.hand_off);
  v.number("max_age_s", s.max_age_s, 1, kReplyYearS);
  v.number("max_message_age_s", s.max_message_age_s, 0, kReplyYearS);
  v.group("debounce", [&](auto& debounce) {
    debounce.duration("quiet_ms", s.debounce.quiet, 0, 60000);
    debounce.duration("max_wait_ms", s.debounce.max_wait, 1, 600000);
    debounce.number("max_n", s.debounce.max_n, 2, 100);
  });
}

}  // namespace deskwire::config
