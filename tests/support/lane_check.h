#pragma once

#include <string>
#include <vector>

#include "core/redis/redis_client.h"

namespace deskwire::testing {

/// What contradicts the lane invariant (docs/redis-keys.md) in any shard, one a line: lanes in no
/// or several places, heads in another state than their place, live jobs in no lane, counters that
/// a recount contradicts. Looks at every key: for tests.
std::vector<std::string> lane_violations(redis::Client& client);

}  // namespace deskwire::testing
