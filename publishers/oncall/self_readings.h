#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "config/sla.h"
#include "publishers/oncall/alert_watch.h"

namespace deskwire::publishers {

/// Sum of the samples of `name` in Prometheus's text format whose labels contain one of `labels`
/// (`result="refused"`; none given: all of them). Pure.
double sum_of(std::string_view metrics, std::string_view name,
              const std::vector<std::string>& labels = {});

/// What a process's own metrics say about it, under the limits of `sla.alerts`: the same series
/// that the Prometheus rules in packaging/alerts.yml look at.
///
/// Thread safety: one thread.
class SelfReadings {
 public:
  SelfReadings(const config::AlertLimits& limits, std::string instance)
      : limits_(limits), instance_(std::move(instance)) {}

  /// @param metrics  Metrics::render().
  /// @return         One reading for each condition that is switched on.
  std::vector<AlertReading> read(std::string_view metrics, std::int64_t now_ms);

 private:
  struct Sample {
    std::int64_t at_ms = 0;
    double deliveries = 0;  ///< All of them.
    double taken = 0;       ///< Signed and understood.
    double throttled = 0;
    double bad_signatures = 0;
    double connects = 0;  ///< Sessions that ended, and refusals.
    double failed_connects = 0;
    double deferred = 0;
  };
  static Sample sample(std::string_view metrics, std::int64_t now_ms);
  /// The newest sample at least so old, else the oldest.
  const Sample& before(std::int64_t age_ms, std::int64_t now_ms) const;
  AlertReading reading(const char* name, bool firing, const char* severity, std::string summary,
                       const char* advice) const;
  void add_counts(std::vector<AlertReading>& all, std::string_view metrics) const;
  void add_shares(std::vector<AlertReading>& all, const Sample& now) const;
  void add_silences(std::vector<AlertReading>& all, const Sample& now);

  const config::AlertLimits limits_;
  const std::string instance_;
  std::deque<Sample> samples_;
  std::int64_t last_delivery_ms_ = 0;
  std::int64_t deferred_since_ms_ = 0;
  std::int64_t deferred_last_ms_ = 0;
};

}  // namespace deskwire::publishers
