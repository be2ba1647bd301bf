#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/redis/redis_client.h"
#include "core/result.h"

namespace deskwire::cli {

/// The value of `field:value` in an INFO answer; empty when it is not there.
std::string info_field(std::string_view info, std::string_view field);

/// What must be known of a Redis before work is trusted to it.
struct RedisFacts {
  std::string version;              ///< "7.0.15"
  std::string maxmemory_policy;     ///< "noeviction"
  std::string appendonly;           ///< "1", "0"
  std::int64_t clock_ahead_ms = 0;  ///< Its clock minus ours.
};

/// Asks with INFO and TIME. @errors those of redis::Client.
Result<RedisFacts> read_redis_facts(redis::Client& client);

/// Scripts need Redis 7; evicted keys would be lost work.
/// @errors kUnsupported: too old. kInvalid: an evicting maxmemory-policy.
Status check_redis_facts(const RedisFacts& facts);

}  // namespace deskwire::cli
