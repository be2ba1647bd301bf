#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/metrics.h"
#include "worker/job_handler.h"

namespace deskwire::worker {

/// The pool's instruments: attempts by kind and result (completed, skipped, retryable, deferred,
/// permanent, released), their durations, jobs in flight, completions that came too late.
///
/// Thread safety: kinds are added before the pool starts; the rest may be called concurrently.
class AttemptMetrics {
 public:
  explicit AttemptMetrics(Metrics& metrics);

  /// Attempts of kinds that were not added count as "other".
  void add_kind(const std::string& kind);
  void begun() { in_flight_.add(1); }
  void ended(const std::string& kind, const AttemptResult& result, MonotonicTime::duration took);
  void completed(MonotonicTime::duration took);  ///< A `step` that closed a job.
  void stale() { stale_.add(); }

 private:
  struct OfKind {
    Metrics::Histogram* seconds = nullptr;
    std::map<std::string_view, Metrics::Counter*> results;
  };

  Metrics& metrics_;
  Metrics::Gauge& in_flight_;
  Metrics::Counter& stale_;
  Metrics::Histogram& complete_seconds_;
  std::map<std::string, OfKind> kinds_;
};

}  // namespace deskwire::worker
