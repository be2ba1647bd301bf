#include "webhooks/delivery_counters.h"

#include <array>

namespace deskwire::webhooks {
namespace {

constexpr const char* kUnknown = "unknown";
constexpr const char* kOther = "other";

constexpr auto kTable = std::to_array<std::pair<const char*, const char*>>({
    {"accepted", "none"},
    {"duplicate", "none"},
    {"ignored", "no_effect"},
    {"ignored", "other_account"},
    {"ignored", "handshake"},
    {"unparsable", "shape"},
    {"refused", "missing_signature"},
    {"refused", "malformed_signature"},
    {"refused", "missing_timestamp"},
    {"refused", "malformed_timestamp"},
    {"refused", "stale"},
    {"refused", "future"},
    {"refused", "missing_header"},
    {"refused", "repeated_header"},
    {"refused", "mismatch"},
    {"refused", "no_secret"},
    {"refused", "missing_credentials"},
    {"refused", "wrong_credentials"},
    {"refused", "unknown_source"},
    {"refused", "method"},
    {"refused", "content_type"},
    {"refused", "content_encoding"},
    {"refused", "not_json"},
    {"refused", "too_slow"},
    {"refused", "too_large"},
    {"refused", kOther},
    {"spooled", "unavailable"},
    {"spooled", "timeout"},
    {"spooled", "behind"},
    {"throttled", "unavailable"},
    {"throttled", "timeout"},
    {"throttled", "full"},
    {"throttled", kOther},
});

}  // namespace

DeliveryCounters::DeliveryCounters(const std::vector<config::Source>& sources, Metrics& metrics) {
  std::vector<std::string> names{kUnknown};
  for (const config::Source& source : sources) names.push_back(source.name);
  for (const std::string& name : names) {
    Series& series = by_source_[name];
    for (const auto& [result, reason] : kTable) {
      series[{result, reason}] = &metrics.counter(
          "deskwire_deliveries_total", "Webhook deliveries by what became of them.",
          {{"source", name}, {"result", result}, {"reason", reason}});
    }
  }
}

void DeliveryCounters::count(std::string_view source, std::string_view result,
                             std::string_view reason) {
  auto series = by_source_.find(source);
  if (series == by_source_.end()) series = by_source_.find(std::string_view(kUnknown));
  auto found = series->second.find({std::string(result), std::string(reason)});
  if (found == series->second.end()) found = series->second.find({std::string(result), kOther});
  if (found != series->second.end()) found->second->add();
}

}  // namespace deskwire::webhooks
