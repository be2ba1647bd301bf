#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/schedule.h"
#include "config/secret.h"
#include "core/clock.h"

/// Service levels, alerts and on-call as plain values (`sla` in `config/default.jsonc`).
namespace deskwire::config {

struct QueueWait {
  std::int64_t warning_s = 30;
  std::int64_t critical_s = 120;
};

/// `field` is source, inbox, labels, priority, team, sla or contact.<attribute>; `op` is, is_not,
/// contains, contains_not, exists or missing. Several values: any of them will do.
struct SlaCondition {
  std::string field;
  std::string op = "is";
  std::vector<std::string> values;
};

enum class SlaHours : std::uint8_t { kBusiness, kCalendar };
enum class SlaAuthor : std::uint8_t { kHuman, kAny };
enum class SlaStart : std::uint8_t { kCreated, kHandover };
enum class SlaMode : std::uint8_t { kTotal, kFirst, kCycle };

/// Before the target is used up: at a part of it, or some open time before its end. One is 0.
struct SlaWarning {
  int percent = 0;
  std::int64_t before_s = 0;
  /// Open seconds after the start.
  std::int64_t after_s(std::int64_t target_s) const {
    return before_s > 0 ? target_s - before_s : target_s * percent / 100;
  }
  friend bool operator==(const SlaWarning&, const SlaWarning&) = default;
};

struct SlaMetric {
  std::map<std::string, std::int64_t> targets_s;  ///< By priority, and "default".
  std::map<std::string, SlaHours> hours;          ///< By priority, and "default": business.
  std::vector<SlaWarning> warn_at;
  std::vector<std::string> pause_on;  ///< pending, snoozed, on_hold.
  SlaAuthor counts_as_response = SlaAuthor::kHuman;
  bool public_notes_count = false;
  SlaStart start = SlaStart::kCreated;
  SlaMode mode = SlaMode::kTotal;  ///< Of resolution alone.

  /// 0: not tracked for this priority ("" without one).
  std::int64_t target_s(const std::string& priority) const;
  SlaHours hours_of(const std::string& priority) const;
};

/// A rung of the ladder: `after_s` after the warning or violation, to the named sinks; a step with
/// hours waits until they are open.
struct SlaStep {
  std::string on = "violation";  ///< Or warning.
  std::int64_t after_s = 0;
  std::vector<std::string> unless;  ///< acked, snoozed.
  std::vector<std::string> to;      ///< Names of sinks, and "ws".
  std::string hours = "always";     ///< Or "calendar:<name>".
};

struct SlaAck {
  std::int64_t remind_after_s = 0;  ///< 0: never.
  std::int64_t unack_after_s = 0;   ///< 0: never.
};

/// One version of a policy; immutable. Several entries of one id are its versions.
struct SlaPolicy {
  std::string id;
  int version = 1;
  int position = 0;  ///< Lower ones are tried first; equal ones in the order of the file.
  std::optional<std::int64_t> effective_from_ms;
  std::optional<std::int64_t> enforce_from_ms;  ///< What was late before this wakes nobody.
  std::vector<SlaCondition> all;
  std::vector<SlaCondition> any;  ///< Empty: no condition.
  std::string calendar;           ///< Empty: 24x7.
  SlaMetric first_response;
  SlaMetric next_response;
  SlaMetric resolution;
  std::vector<SlaStep> escalation;
  SlaAck ack;
  std::int64_t violation_grace_s = 5;
  std::int64_t repeat_every_s = 0;  ///< 0: an unheeded violation is told once.
};

enum class SinkType : std::uint8_t { kAlertmanager, kPagerduty, kSlack, kWebhook };

struct SlaSink {
  SinkType type = SinkType::kWebhook;
  Secret url;                     ///< slack, webhook, pagerduty.
  std::vector<std::string> urls;  ///< alertmanager: every member.
  Secret key;                     ///< pagerduty: routing key; webhook: whsec_… or any bytes.
  Milliseconds request_timeout{5000};
  Milliseconds backoff_base{1000};
  Milliseconds backoff_cap{60000};
  std::int64_t give_up_s = 3600;  ///< Of retries; then a dead letter.
};

/// Pages are muted, clocks and log go on.
struct SlaMaintenance {
  std::optional<std::int64_t> from_ms;
  std::optional<std::int64_t> to_ms;
  std::vector<std::string> policies;  ///< Empty: all.
  std::string comment;
};

/// Limits of the alerts about Deskwire itself; 0 switches one off.
struct AlertLimits {
  std::int64_t dead_jobs = 1;
  std::int64_t circuit_open_s = 60;
  std::int64_t no_delivery_s = 0;
  std::int64_t spooled_deliveries = 1;
  int failing_connects_percent = 5;
  int failing_deliveries_percent = 1;
  std::int64_t signature_failures_per_minute = 10;
  std::int64_t window_s = 300;    ///< Of the two shares.
  std::int64_t clear_for_s = 60;  ///< Below its limit before an alert is over.
  std::vector<SlaStep> escalation;
};

struct OnCall {
  std::int64_t group_s = 30;      ///< Pages of one policy and metric in this time become one.
  std::int64_t read_back_s = 10;  ///< For asking the helpdesk before a page; 0: it is not asked.
  std::int64_t heartbeat_s = 60;  ///< 0: none.
  std::vector<std::string> heartbeat_to;
  std::int64_t max_log = 100000;  ///< Entries of the notification log.
  std::int64_t max_dead = 10000;  ///< Notifications that could not be delivered, kept for replay.
  std::string conversation_url;   ///< With {account} and {conversation}; for links in pages.
  std::string board_url;          ///< Where people acknowledge; {event_id} is replaced.
  std::vector<SlaStep> queue_wait;
};

struct Sla {
  std::vector<SlaPolicy> policies;
  std::map<std::string, Calendar> calendars;
  QueueWait queue_wait;
  bool mirror_to_conversation = false;
  std::map<std::string, SlaSink> sinks;
  std::vector<SlaMaintenance> maintenance;
  OnCall on_call;
  AlertLimits alerts;
};

}  // namespace deskwire::config
