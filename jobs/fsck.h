#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/redis/redis_client.h"
#include "core/result.h"
#include "jobs/operator_store.h"

namespace deskwire::jobs {

/// One thing that contradicts docs/redis-keys.md.
struct FsckFinding {
  int shard = 0;
  std::string what;  ///< "lane 42 is in no place, its head in state a".
  bool repairable = false;
  bool repaired = false;
};
struct FsckReport {
  std::size_t lanes = 0;  ///< Looked at.
  std::size_t jobs = 0;
  std::size_t findings = 0;  ///< All of them; the list holds the first 1000.
  std::size_t repairable = 0;
  std::size_t repaired = 0;
  std::vector<FsckFinding> list;
  /// Shards whose counters could not be compared, because jobs moved during the recount.
  std::size_t shards_not_counted = 0;
};

/// Checks the lane invariant of all shards while everything runs, and repairs what is wrong: each
/// lane and each job is judged, and repaired, within one short script. Nothing is deleted but
/// references to what does not exist; a key of a wrong type is renamed to `broken:<time>:<name>`.
///
/// What hinders the check of one shard is a finding of its own, and the other shards are checked.
///
/// Memory: the names of all lanes and of all waiting jobs.
///
/// @param repair  False: only looks.
/// @param by      For the audit, an entry a shard where something was repaired.
/// @errors kUnavailable, kTimeout, kFull, kCancelled: what was repaired stays so; run it again.
Result<FsckReport> fsck(redis::Client& client, bool repair, const Operator& by);

}  // namespace deskwire::jobs
