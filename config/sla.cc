#include "config/sla.h"

namespace deskwire::config {
namespace {

template <typename Value>
Value by_priority(const std::map<std::string, Value>& values, const std::string& priority,
                  Value otherwise) {
  auto found = values.find(priority);
  if (found == values.end()) found = values.find("default");
  return found == values.end() ? otherwise : found->second;
}

}  // namespace

std::int64_t SlaMetric::target_s(const std::string& priority) const {
  return by_priority(targets_s, priority, std::int64_t{0});
}

SlaHours SlaMetric::hours_of(const std::string& priority) const {
  return by_priority(hours, priority, SlaHours::kBusiness);
}

}  // namespace deskwire::config
