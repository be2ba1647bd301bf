#include "publishers/oncall/self_readings.h"

#include <algorithm>
#include <cstdlib>

namespace deskwire::publishers {
namespace {

constexpr std::int64_t kMinuteMs = 60000;
/// Held jobs are tried anew every few seconds; so long without one, nothing is held any more.
constexpr std::int64_t kDeferredGapMs = 30000;
/// Below so many in the window a share says nothing.
constexpr double kFewest = 20;

const std::vector<std::string>& signature_reasons() {
  static const std::vector<std::string> reasons = {R"(reason="missing_signature")",
                                                   R"(reason="malformed_signature")",
                                                   R"(reason="missing_timestamp")",
                                                   R"(reason="malformed_timestamp")",
                                                   R"(reason="stale")",
                                                   R"(reason="future")",
                                                   R"(reason="missing_header")",
                                                   R"(reason="repeated_header")",
                                                   R"(reason="mismatch")",
                                                   R"(reason="no_secret")",
                                                   R"(reason="missing_credentials")",
                                                   R"(reason="wrong_credentials")"};
  return reasons;
}

std::string whole(double number) { return std::to_string(static_cast<std::int64_t>(number)); }

double percent(double part, double all) { return all > 0 ? 100 * part / all : 0; }

}  // namespace

double sum_of(std::string_view metrics, std::string_view name,
              const std::vector<std::string>& labels) {
  double sum = 0;
  while (!metrics.empty()) {
    const std::size_t end = std::min(metrics.find('\n'), metrics.size());
    const std::string_view line = metrics.substr(0, end);
    metrics.remove_prefix(std::min(end + 1, metrics.size()));
    const std::size_t space = line.rfind(' ');
    if (!line.starts_with(name) || space == std::string_view::npos) continue;
    const std::string_view rest = line.substr(name.size(), space - name.size());
    if (!rest.empty() && rest.front() != '{') continue;
    const bool wanted =
        labels.empty() || std::any_of(labels.begin(), labels.end(), [&](const std::string& label) {
          return rest.find(label) != std::string_view::npos;
        });
    if (wanted) sum += std::strtod(std::string(line.substr(space + 1)).c_str(), nullptr);
  }
  return sum;
}

SelfReadings::Sample SelfReadings::sample(std::string_view metrics, std::int64_t now_ms) {
  const double refused = sum_of(metrics, "deskwire_gateway_refused_total");
  Sample taken;
  taken.at_ms = now_ms;
  taken.deliveries = sum_of(metrics, "deskwire_deliveries_total");
  taken.taken = sum_of(metrics, "deskwire_deliveries_total",
                       {R"(result="accepted")", R"(result="duplicate")", R"(result="ignored")",
                        R"(result="spooled")"});
  taken.throttled = sum_of(metrics, "deskwire_deliveries_total", {R"(result="throttled")"});
  taken.bad_signatures = sum_of(metrics, "deskwire_deliveries_total", signature_reasons());
  taken.connects = refused + sum_of(metrics, "deskwire_sessions_closed_total");
  taken.failed_connects = refused + sum_of(metrics, "deskwire_sessions_closed_total",
                                           {R"(code="4001")", R"(code="4011")", R"(code="4029")"});
  taken.deferred = sum_of(metrics, "deskwire_attempts_total", {R"(result="deferred")"});
  return taken;
}

const SelfReadings::Sample& SelfReadings::before(std::int64_t age_ms, std::int64_t now_ms) const {
  const Sample* found = &samples_.front();
  for (const Sample& one : samples_) {
    if (now_ms - one.at_ms >= age_ms) found = &one;
  }
  return *found;
}

AlertReading SelfReadings::reading(const char* name, bool firing, const char* severity,
                                   std::string summary, const char* advice) const {
  return {.name = name,
          .instance = instance_,
          .firing = firing,
          .severity = severity,
          .summary = std::move(summary),
          .reason = "the limit stands in config sla.alerts",
          .advice = advice};
}

void SelfReadings::add_counts(std::vector<AlertReading>& all, std::string_view metrics) const {
  if (limits_.dead_jobs > 0) {
    const double dead = sum_of(metrics, "deskwire_jobs", {R"(state="dead")"});
    auto one = reading("dead_jobs", dead >= static_cast<double>(limits_.dead_jobs), "warning",
                       whole(dead) + " jobs are dead",
                       "deskwire jobs ls --state dead, then deskwire jobs why and jobs replay");
    // Every process counts the same jobs.
    one.instance.clear();
    all.push_back(std::move(one));
  }
  if (limits_.spooled_deliveries > 0) {
    const double waiting = sum_of(metrics, "deskwire_spool_entries");
    all.push_back(reading("spool_in_use",
                          waiting >= static_cast<double>(limits_.spooled_deliveries), "warning",
                          whole(waiting) + " deliveries wait on disk",
                          "Redis was away or refuses writes; they drain by themselves"));
  }
}

void SelfReadings::add_shares(std::vector<AlertReading>& all, const Sample& now) const {
  const Sample& then = before(limits_.window_s * 1000, now.at_ms);
  if (limits_.failing_deliveries_percent > 0) {
    const double asked = now.deliveries - then.deliveries;
    const double share = percent(now.throttled - then.throttled, asked);
    all.push_back(reading("failing_deliveries",
                          asked >= kFewest && share > limits_.failing_deliveries_percent,
                          "critical", whole(share) + " % of the webhooks are answered 429",
                          "Redis is away or full, and the spool takes no more"));
  }
  if (limits_.failing_connects_percent > 0) {
    const double asked = now.connects - then.connects;
    const double share = percent(now.failed_connects - then.failed_connects, asked);
    all.push_back(reading("failing_connects",
                          asked >= kFewest && share > limits_.failing_connects_percent, "warning",
                          whole(share) + " % of the connections end with a refusal",
                          "see deskwire_sessions_closed_total by code"));
  }
  if (limits_.signature_failures_per_minute > 0) {
    const double failures = now.bad_signatures - before(kMinuteMs, now.at_ms).bad_signatures;
    all.push_back(reading("signature_failures",
                          failures > static_cast<double>(limits_.signature_failures_per_minute),
                          "warning", whole(failures) + " webhooks were refused within a minute",
                          "deskwire deliveries ls, then verify says which part does not fit"));
  }
}

void SelfReadings::add_silences(std::vector<AlertReading>& all, const Sample& now) {
  const Sample& last = samples_.empty() ? now : samples_.back();
  if (last_delivery_ms_ == 0 || now.taken > last.taken) last_delivery_ms_ = now.at_ms;
  if (limits_.no_delivery_s > 0) {
    const std::int64_t silent_s = (now.at_ms - last_delivery_ms_) / 1000;
    all.push_back(reading("no_delivery", silent_s >= limits_.no_delivery_s, "warning",
                          "no webhook has come for " + std::to_string(silent_s) + " s",
                          "see whether the helpdesk has muted the bot: deskwire doctor"));
  }
  if (now.deferred > last.deferred) {
    if (deferred_since_ms_ == 0) deferred_since_ms_ = now.at_ms;
    deferred_last_ms_ = now.at_ms;
  } else if (now.at_ms - deferred_last_ms_ > kDeferredGapMs) {
    deferred_since_ms_ = 0;
  }
  if (limits_.circuit_open_s > 0) {
    const std::int64_t held_s =
        deferred_since_ms_ == 0 ? 0 : (now.at_ms - deferred_since_ms_) / 1000;
    all.push_back(reading("circuit_open",
                          deferred_since_ms_ != 0 && held_s >= limits_.circuit_open_s, "warning",
                          "attempts have been put off for " + std::to_string(held_s) +
                              " s: the helpdesk or the model does not answer",
                          "deskwire doctor; jobs are held without using up attempts"));
  }
}

std::vector<AlertReading> SelfReadings::read(std::string_view metrics, std::int64_t now_ms) {
  const Sample now = sample(metrics, now_ms);
  std::vector<AlertReading> all;
  add_counts(all, metrics);
  add_silences(all, now);
  samples_.push_back(now);
  const std::int64_t kept_ms = std::max(limits_.window_s * 1000, kMinuteMs);
  // One sample older than the window stays, to compare with.
  while (samples_.size() > 2 && now_ms - samples_[1].at_ms > kept_ms) samples_.pop_front();
  add_shares(all, now);
  return all;
}

}  // namespace deskwire::publishers
