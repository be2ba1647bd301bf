#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.h"
#include "core/metrics.h"

namespace deskwire::webhooks {

/// `deskwire_deliveries_total{source,result,reason}`. All series of a source are made at the start,
/// from a closed table: nobody outside can add one, and a rate is there before the first refusal.
///
/// Thread safety: count may be called concurrently.
class DeliveryCounters {
 public:
  DeliveryCounters(const std::vector<config::Source>& sources, Metrics& metrics);

  /// @param source  A configured source's name; anything else is counted as "unknown".
  /// @param result  accepted, duplicate, ignored, refused, spooled, unparsable, throttled.
  /// @param reason  A reason of the table; any other is counted as "other".
  void count(std::string_view source, std::string_view result, std::string_view reason);

 private:
  using Series = std::map<std::pair<std::string, std::string>, Metrics::Counter*>;
  std::map<std::string, Series, std::less<>> by_source_;
};

}  // namespace deskwire::webhooks
