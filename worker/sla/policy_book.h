#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/sla.h"
#include "core/result.h"
#include "worker/sla/calendar.h"
#include "worker/sla/fact.h"

namespace deskwire::worker {

enum class SlaMetricName : std::uint8_t { kFirstResponse, kNextResponse, kResolution };
std::string_view name_of(SlaMetricName metric);  ///< "first_response"

/// What a policy asks of one clock.
struct SlaTarget {
  const config::SlaPolicy* policy = nullptr;
  const config::SlaMetric* metric = nullptr;
  const Calendar* calendar = nullptr;
  std::string calendar_id;  ///< Empty: around the clock.
  std::int64_t target_ms = 0;
  std::string priority;

  friend bool operator==(const SlaTarget&, const SlaTarget&) = default;
};

/// The policies and calendars of a configuration, ready to be asked. Targets point into it.
///
/// Thread safety: const methods may be called concurrently.
class PolicyBook {
 public:
  PolicyBook(const PolicyBook&) = delete;
  PolicyBook& operator=(const PolicyBook&) = delete;

  /// @errors those of Calendar::make.
  static Result<std::shared_ptr<const PolicyBook>> make(const config::Sla& settings);

  /// The first policy that matches, of the versions in effect at that moment; nullptr: none.
  const config::SlaPolicy* match(const SlaAttributes& attributes, std::int64_t at_ms) const;

  /// nullopt: no policy, or it does not track this metric for this priority.
  std::optional<SlaTarget> target(const config::SlaPolicy* policy, SlaMetricName metric,
                                  const SlaAttributes& attributes) const;

  /// The moments at which a version of a policy takes effect, ascending.
  const std::vector<std::int64_t>& changes() const { return changes_; }
  bool empty() const { return settings_.policies.empty(); }
  bool mirrors() const { return settings_.mirror_to_conversation; }

 private:
  PolicyBook() = default;

  config::Sla settings_;  ///< Policies by position.
  std::map<std::string, Calendar> calendars_;
  Calendar always_ = Calendar::always();
  std::vector<std::int64_t> changes_;
};

}  // namespace deskwire::worker
