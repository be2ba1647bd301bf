#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/redis/redis_client.h"
#include "core/result.h"
#include "jobs/job_store.h"

// What the Redis adapters share: jobs as Redis keeps them, and questions to all shards at once.
namespace deskwire::jobs {

/// The letter of a state in `j:<id>`, and back; nullopt for foreign data.
std::string letter_of(JobState state);
std::optional<JobState> state_of(std::string_view letter);

/// A job, without payload, from the HGETALL of its hash; nullopt when that is not one.
std::optional<Job> read_job(const JobId& id, const redis::Reply& hash);

struct ShardCall {
  int shard = 0;
  std::vector<std::string> args;
};
/// One script on several shards, all under way at the same time.
/// @return One reply a call, in their order.
Result<std::vector<redis::Reply>> run_on(redis::Client& client, const redis::Script& script,
                                         const std::vector<ShardCall>& calls);
/// On every shard, with the same arguments.
Result<std::vector<redis::Reply>> run_everywhere(redis::Client& client, const redis::Script& script,
                                                 const std::vector<std::string>& args);
/// The same for one command a shard.
///
/// @param command  Its second word is a key without the shard's prefix, which is put in front.
Result<std::vector<redis::Reply>> call_everywhere(redis::Client& client,
                                                  const redis::Command& command);

/// The same error; of a kCorrupt one, the message names the key that was read and what finds more.
Error about_key(const std::string& key, Error error);

tl::unexpected<Error> stored_otherwise(std::string_view what);  ///< kCorrupt

/// The largest integer that Lua's numbers hold.
inline constexpr const char* kEndOfTime = "9007199254740991";
/// Entries of a shard's audit log that are kept, about.
inline constexpr int kAuditEntries = 10000;

}  // namespace deskwire::jobs
