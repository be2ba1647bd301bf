#include "config/sla_rules.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <tuple>

#include "config/checks.h"
#include "config/nearest.h"
#include "config/schedule_rules.h"
#include "config/value_forms.h"
#include "core/timestamp.h"

namespace deskwire::config {
namespace {

constexpr std::size_t kMaxSteps = 10;
constexpr std::string_view kCalendarPrefix = "calendar:";

std::string item(const std::string& path, std::size_t index) {
  return path + "[" + std::to_string(index) + "]";
}

template <typename Named>
std::string unknown(const std::string& name, const char* what, const Named& known) {
  std::vector<std::string> names;
  names.reserve(known.size());
  for (const auto& [one, value] : known) names.push_back(one);
  const auto meant = nearest(name, names);
  return in_quotes(name) + " is not in " + what +
         (meant ? "; did you mean \"" + *meant + "\"?" : "; add it there, or name another");
}

LocalDay day_of(std::int64_t unix_ms) {
  return LocalDay{std::chrono::floor<std::chrono::days>(std::chrono::milliseconds(unix_ms))};
}

void check_openings(const Calendar& calendar, const std::string& path, std::int64_t now_ms,
                    Problems& problems) {
  const auto check = [&](const ScheduleVersion& version, std::int64_t from_ms,
                         const std::string& place) {
    if (opens_within_horizon(version.schedule, day_of(from_ms))) return;
    problems.add(place + ".hours", "never opens in the 400 days from " + day_text(day_of(from_ms)) +
                                       "; a clock on it would never run out");
  };
  const auto& changes = calendar.changes;
  const auto superseded = [&](std::size_t next) {
    return next < changes.size() && changes[next].effective_from_ms.value_or(0) <= now_ms;
  };
  if (!superseded(0)) check(calendar.first, now_ms, path);
  for (std::size_t i = 0; i < changes.size(); ++i) {
    if (superseded(i + 1)) continue;
    check(changes[i], std::max(now_ms, changes[i].effective_from_ms.value_or(now_ms)),
          item(path + ".changes", i));
  }
}

/// Everything that ladders and policies may refer to.
class SlaRules {
 public:
  SlaRules(const Sla& sla, Problems& problems) : sla_(sla), problems_(problems) {}

  void check_targets(const std::vector<std::string>& to, const std::string& path) {
    for (std::size_t i = 0; i < to.size(); ++i) {
      if (to[i] == "ws" || sla_.sinks.contains(to[i])) continue;
      problems_.add(item(path, i), unknown(to[i], "sla.sinks", sla_.sinks));
    }
  }

  void check_ladder(const std::vector<SlaStep>& steps, const std::string& path) {
    if (steps.size() > kMaxSteps) {
      problems_.add(path, "has " + std::to_string(steps.size()) + " steps, at most " +
                              std::to_string(kMaxSteps) + " are possible");
    }
    std::map<std::string, std::int64_t> last;
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const SlaStep& step = steps[i];
      const std::string place = item(path, i);
      if (step.to.empty()) {
        problems_.add(place + ".to", "is missing; name sinks of sla.sinks, or \"ws\"");
      }
      check_targets(step.to, place + ".to");
      if (step.hours.starts_with(kCalendarPrefix)) {
        check_calendar_name(step.hours.substr(kCalendarPrefix.size()), place + ".hours");
      }
      const auto before = last.find(step.on);
      if (before != last.end() && step.after_s < before->second) {
        problems_.add(place + ".after_s",
                      std::to_string(step.after_s) + " comes before the step in front of it (" +
                          std::to_string(before->second) + "); sort the steps by after_s");
      }
      last[step.on] = step.after_s;
      if (step.after_s == 0 && !step.unless.empty()) {
        problems_.add(place + ".unless", "can never hold at once; raise after_s, or remove unless");
      }
    }
  }

  void check_calendar_name(const std::string& name, const std::string& path) {
    if (!sla_.calendars.contains(name)) {
      problems_.add(path, unknown(name, "sla.calendars", sla_.calendars));
    }
  }

  void check_metric(const SlaPolicy& policy, const SlaMetric& metric, const std::string& path) {
    for (const auto& [priority, target] : metric.targets_s) {
      for (std::size_t i = 0; i < metric.warn_at.size() && target > 0; ++i) {
        if (metric.warn_at[i].before_s < target) continue;
        problems_.add(item(path + ".warn_at", i),
                      "before_s " + std::to_string(metric.warn_at[i].before_s) +
                          " is not below the target of " + in_quotes(priority) + " (" +
                          std::to_string(target) + " s); lower it");
      }
    }
    for (const auto& [priority, hours] : metric.hours) {
      if (hours != SlaHours::kBusiness || !policy.calendar.empty()) continue;
      problems_.add(path + ".hours",
                    in_quotes(priority) + " is business, but the policy names no calendar");
    }
  }

  void check_policy(const SlaPolicy& policy, const std::string& path) {
    if (policy.id.empty()) problems_.add(path + ".id", "is missing; any short name will do");
    if (!policy.calendar.empty()) check_calendar_name(policy.calendar, path + ".calendar");
    const auto check_conditions = [&](const std::vector<SlaCondition>& list, const char* key) {
      for (std::size_t i = 0; i < list.size(); ++i) {
        const bool needs_value = list[i].op != "exists" && list[i].op != "missing";
        const std::string place = item(path + ".match." + key, i);
        if (list[i].field.empty()) problems_.add(place + ".field", "is missing");
        if (needs_value && list[i].values.empty()) problems_.add(place + ".value", "is missing");
      }
    };
    check_conditions(policy.all, "all");
    check_conditions(policy.any, "any");
    check_metric(policy, policy.first_response, path + ".metrics.first_response");
    check_metric(policy, policy.next_response, path + ".metrics.next_response");
    check_metric(policy, policy.resolution, path + ".metrics.resolution");
    if (policy.first_response.targets_s.empty() && policy.next_response.targets_s.empty() &&
        policy.resolution.targets_s.empty()) {
      problems_.add(path + ".metrics", "has no targets; give one metric at least one");
    }
    check_ladder(policy.escalation, path + ".escalation");
    const SlaAck& ack = policy.ack;
    if (ack.unack_after_s > 0 && ack.remind_after_s >= ack.unack_after_s) {
      problems_.add(path + ".ack.remind_after_s", std::to_string(ack.remind_after_s) +
                                                      " is not below unack_after_s (" +
                                                      std::to_string(ack.unack_after_s) + ")");
    }
  }

  void check_policies() {
    std::map<std::pair<std::string, int>, std::size_t> versions;
    for (std::size_t i = 0; i < sla_.policies.size(); ++i) {
      const SlaPolicy& policy = sla_.policies[i];
      const std::string path = item("sla.policies", i);
      check_policy(policy, path);
      const auto [first, is_new] = versions.emplace(std::pair(policy.id, policy.version), i);
      if (is_new || policy.id.empty()) continue;
      problems_.add(path + ".version", std::to_string(policy.version) + " of " +
                                           in_quotes(policy.id) + " is " +
                                           item("sla.policies", first->second) +
                                           " already; a version never changes, count it up");
    }
  }

  void check_sink(const SlaSink& sink, const std::string& path) {
    const bool alertmanager = sink.type == SinkType::kAlertmanager;
    if (alertmanager && sink.urls.empty()) {
      problems_.add(path + ".urls", R"(is missing; list every member: ["http://am-1:9093"])");
    }
    if (!alertmanager && !sink.urls.empty()) {
      problems_.add(path + ".urls", "belongs to alertmanager; this type has one url");
    }
    if (alertmanager && !sink.url.empty()) {
      problems_.add(path + ".url", "belongs to other types; alertmanager has urls");
    }
    const bool needs_url = sink.type == SinkType::kSlack || sink.type == SinkType::kWebhook;
    if (needs_url && sink.url.empty()) problems_.add(path + ".url", "is missing");
    if (!sink.url.empty() && checks::base_url(sink.url.reveal())) {
      problems_.add(path + ".url", "is no address; write http:// or https:// and a host");
    }
    if (sink.type == SinkType::kPagerduty && sink.key.empty()) {
      problems_.add(path + ".key", "is missing; write the routing key of the integration");
    }
    if (sink.type == SinkType::kWebhook && sink.key.empty()) {
      problems_.add(path + ".key", "is missing; calls are signed with it, such as whsec_…");
    }
    if (sink.backoff_base > sink.backoff_cap) {
      problems_.add(path + ".backoff_base_ms", "is above backoff_cap_ms; lower it");
    }
  }

  void check_maintenance() {
    for (std::size_t i = 0; i < sla_.maintenance.size(); ++i) {
      const SlaMaintenance& window = sla_.maintenance[i];
      const std::string path = item("sla.maintenance", i);
      if (!window.from_ms) problems_.add(path + ".from", "is missing");
      if (!window.to_ms) problems_.add(path + ".to", "is missing");
      if (window.from_ms && window.to_ms && *window.to_ms <= *window.from_ms) {
        problems_.add(path + ".to", iso8601(*window.to_ms) + " is not after from (" +
                                        iso8601(*window.from_ms) + ")");
      }
      for (const std::string& id : window.policies) {
        const bool known = std::any_of(sla_.policies.begin(), sla_.policies.end(),
                                       [&](const SlaPolicy& policy) { return policy.id == id; });
        if (!known) problems_.add(path + ".policies", in_quotes(id) + " is not in sla.policies");
      }
    }
  }

 private:
  const Sla& sla_;
  Problems& problems_;
};

}  // namespace

void check_sla(const Sla& sla, std::int64_t now_ms, Problems& problems) {
  for (const auto& [name, calendar] : sla.calendars) {
    const std::string path = "sla.calendars." + name;
    check_calendar(calendar, path, problems);
    check_openings(calendar, path, now_ms, problems);
  }
  SlaRules rules(sla, problems);
  rules.check_policies();
  for (const auto& [name, sink] : sla.sinks) rules.check_sink(sink, "sla.sinks." + name);
  rules.check_maintenance();
  rules.check_targets(sla.on_call.heartbeat_to, "sla.on_call.heartbeat_to");
  rules.check_ladder(sla.on_call.queue_wait, "sla.on_call.queue_wait");
  rules.check_ladder(sla.alerts.escalation, "sla.alerts.escalation");
}

}  // namespace deskwire::config
