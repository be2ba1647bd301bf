#include "worker/attempt_metrics.h"

#include <chrono>

namespace deskwire::worker {
namespace {

constexpr std::array<std::string_view, 6> kResults{"completed", "skipped",   "retryable",
                                                   "deferred",  "permanent", "released"};

std::string_view result_of(const AttemptResult& result) {
  if (result.completed) {
    return result.completed->outcome.starts_with("skipped") ? "skipped" : "completed";
  }
  if (!result.failed) return "released";
  switch (result.failed->failure) {
    case jobs::FailureClass::kRetryable:
      return "retryable";
    case jobs::FailureClass::kDeferred:
      return "deferred";
    case jobs::FailureClass::kPermanent:
      break;
  }
  return "permanent";
}

double seconds(MonotonicTime::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

AttemptMetrics::AttemptMetrics(Metrics& metrics)
    : metrics_(metrics),
      in_flight_(metrics.gauge("deskwire_jobs_in_flight", "Jobs being run by this process.")),
      stale_(metrics.counter("deskwire_stale_closings_total",
                             "Completions and failures that came after the lease was lost.")),
      complete_seconds_(metrics.histogram(
          "deskwire_step_seconds", "Duration of one step of an attempt.", {{"step", "complete"}})) {
  add_kind("other");
}

void AttemptMetrics::add_kind(const std::string& kind) {
  OfKind& of_kind = kinds_[kind];
  of_kind.seconds =
      &metrics_.histogram("deskwire_attempt_seconds", "Duration of attempts.", {{"kind", kind}});
  for (const std::string_view result : kResults) {
    of_kind.results[result] =
        &metrics_.counter("deskwire_attempts_total", "Attempts by kind and result.",
                          {{"kind", kind}, {"result", result}});
  }
}

void AttemptMetrics::ended(const std::string& kind, const AttemptResult& result,
                           MonotonicTime::duration took) {
  in_flight_.add(-1);
  const auto found = kinds_.find(kind);
  const OfKind& of_kind = found == kinds_.end() ? kinds_.at("other") : found->second;
  of_kind.seconds->observe_seconds(seconds(took));
  of_kind.results.at(result_of(result))->add();
}

void AttemptMetrics::completed(MonotonicTime::duration took) {
  complete_seconds_.observe_seconds(seconds(took));
}

}  // namespace deskwire::worker
