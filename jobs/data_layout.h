#pragma once

#include "core/redis/redis_client.h"
#include "core/result.h"

namespace deskwire::jobs {

/// How this version lays out everything under `dw:` (docs/redis-keys.md). It grows when a version
/// before could not work on the same data: a key, field or answer with another meaning. Additions
/// that older versions leave alone do not count.
inline constexpr int kDataLayout = 2;

/// What every process does before it touches the data: reads the layout's version from Redis.
/// A store without one is empty and passes.
///
/// @errors kUnsupported: another version's data. kCorrupt: no number lies there. Those of
///         redis::Client: not known yet.
/// @redis  GET dw:{0}:layout
Status check_data_layout(redis::Client& client);

/// As above; a store without a version gets ours. For those who are about to write.
///
/// @errors also kFull: Redis refuses the write; try later.
/// @redis  SET dw:{0}:layout NX, GET
Status claim_data_layout(redis::Client& client);

}  // namespace deskwire::jobs
