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
  std::string server = "redis";     ///< "valkey"
  std::string version;              ///< "7.0.15"; Valkey's: the Redis that it is compatible with.
  std::string mode;                 ///< "standalone", "cluster", "sentinel"
  std::string maxmemory_policy;     ///< "noeviction"
  bool append_only = false;         ///< Writes go to disk, see append_fsync.
  std::string append_fsync;         ///< "always", "everysec", "no"; empty: CONFIG is forbidden.
  int replicas = 0;                 ///< Connected ones.
  std::int64_t used_memory = 0;     ///< Bytes.
  std::int64_t max_memory = 0;      ///< Bytes; 0: no limit.
  std::int64_t clock_ahead_ms = 0;  ///< Its clock minus ours.
};

/// From an INFO answer: everything but append_fsync and the clock. What it does not tell is empty.
RedisFacts facts_of_info(std::string_view info);

/// Asks with INFO, CONFIG (it may be forbidden) and TIME. @errors those of redis::Client; kInvalid:
/// an ACL forbids INFO or TIME.
Result<RedisFacts> read_redis_facts(redis::Client& client);

/// Scripts need Redis 7; evicted keys would be lost work; a cluster needs a client that we are not.
/// What the server does not tell is not held against it.
/// @errors kUnsupported: too old, a cluster, a sentinel. kInvalid: an evicting maxmemory-policy.
Status check_redis_facts(const RedisFacts& facts);

}  // namespace deskwire::cli
