#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/metrics.h"

namespace deskwire::worker {

/// How long the steps of one attempt took, in the order in which they first came: for
/// `jobs show`.
class StepTimes {
 public:
  void add(std::string_view step, MonotonicTime::duration took) {
    for (auto& [name, sum] : steps_) {
      if (name != step) continue;
      sum += took;
      return;
    }
    steps_.emplace_back(step, took);
  }
  void remark(std::string text) { remarks_ += ", " + std::move(text); }
  /// "context 1 ms, openai 2040 ms, post 35 ms, 812 tokens"
  std::string str() const {
    std::string all;
    for (const auto& [name, took] : steps_) {
      const auto ms = std::chrono::duration_cast<Milliseconds>(took).count();
      all += (all.empty() ? "" : ", ") + name + " " + std::to_string(ms) + " ms";
    }
    return all + remarks_;
  }

 private:
  std::vector<std::pair<std::string, MonotonicTime::duration>> steps_;
  std::string remarks_;
};

/// Observes how long the enclosing block took.
class StepTimer {
 public:
  StepTimer(Metrics::Histogram& histogram, StepTimes& times, std::string_view step,
            const Clock& clock)
      : histogram_(histogram),
        times_(times),
        step_(step),
        clock_(clock),
        begun_(clock.monotonic()) {}
  ~StepTimer() {
    const auto took = clock_.monotonic() - begun_;
    histogram_.observe_seconds(std::chrono::duration<double>(took).count());
    times_.add(step_, took);
  }
  StepTimer(const StepTimer&) = delete;
  StepTimer& operator=(const StepTimer&) = delete;

 private:
  Metrics::Histogram& histogram_;
  StepTimes& times_;
  const std::string_view step_;
  const Clock& clock_;
  const MonotonicTime begun_;
};

}  // namespace deskwire::worker
