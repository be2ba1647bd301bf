#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace deskwire::bench {

/// Exact percentiles of a bounded number of samples.
class Latencies {
 public:
  void add(std::int64_t ns) { samples_.push_back(ns); }
  std::size_t count() const { return samples_.size(); }
  /// The p-quantile in milliseconds, 0 <= p <= 1; 0 when there is no sample.
  double quantile_ms(double p) {
    if (samples_.empty()) return 0;
    std::sort(samples_.begin(), samples_.end());
    const auto last = static_cast<double>(samples_.size() - 1);
    return static_cast<double>(samples_[static_cast<std::size_t>(p * last + 0.5)]) / 1e6;
  }

 private:
  std::vector<std::int64_t> samples_;
};

}  // namespace deskwire::bench
