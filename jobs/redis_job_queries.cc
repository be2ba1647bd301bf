// The half of RedisJobStore that people and guards ask: reads, replays, retries.
#include <algorithm>
#include <array>
#include <utility>

#include "core/channel.h"
#include "core/ids.h"
#include "jobs/keys.h"
#include "jobs/payload_codec.h"
#include "jobs/redis_job_record.h"
#include "jobs/redis_job_store.h"
#include "jobs/redis_scripts.h"
#include "jobs/replay_batches.h"
#include "jobs/store_rules.h"

namespace deskwire::jobs {
namespace {

using redis::Reply;

bool waits(JobState state) {
  return state == JobState::kAvailable || state == JobState::kScheduled ||
         state == JobState::kRetryable;
}

/// Calls `use` for each counter of a shard's `counts`.
template <typename Use>
void each_count(const Reply& counters, Use use) {
  for (std::size_t i = 0; i + 1 < counters.items.size(); i += 2) {
    const std::string field = counters.at(i).as_string();
    const std::optional<JobState> state = state_of(std::string_view(field).substr(0, 1));
    if (state && field.size() >= 2) use(*state, field.substr(2), counters.at(i + 1).as_integer());
  }
}

redis::Command read_of_conversation(const std::string& lane) {
  redis::Command command{"HMGET", keys::conversation(lane)};
  const std::vector<std::string>& fields = scripts::conversation_fields();
  command.insert(command.end(), fields.begin(), fields.end());
  return command;
}

}  // namespace

Result<ConversationState> RedisJobStore::conversation(const std::string& lane) {
  const Result<Reply> reply = client_.call(read_of_conversation(lane));
  if (!reply) return deskwire::fail(Error(reply.error()).prefixed("conversation " + lane));
  return scripts::read_conversation(*reply);
}

void RedisJobStore::conversation_async(const std::string& lane,
                                       const std::function<void(Result<ConversationState>)>& done) {
  client_.submit(read_of_conversation(lane), [done](const Result<Reply>& reply) {
    if (!reply) return done(deskwire::fail(reply.error()));
    done(scripts::read_conversation(*reply));
  });
}

Result<std::string> RedisJobStore::mapped_message(const std::string& lane,
                                                  const std::string& helpdesk_id) {
  Result<Reply> reply = client_.call({"HGET", keys::messages(lane), helpdesk_id});
  if (!reply) return deskwire::fail(std::move(reply).error().prefixed("mapped message " + lane));
  return reply->as_string();
}

void RedisJobStore::mapped_message_async(std::string lane, std::string helpdesk_id,
                                         std::function<void(Result<std::string>)> done) {
  client_.submit({"HGET", keys::messages(lane), std::move(helpdesk_id)},
                 [done = std::move(done)](Result<Reply> reply) {
                   if (!reply) return done(deskwire::fail(std::move(reply).error()));
                   done(reply->as_string());
                 });
}

Result<Job> RedisJobStore::get(const JobId& id) {
  const Result<int> shard = shard_of_job(id);
  if (!shard) return no_such_job(id);
  const std::string key = keys::job(*shard, id);
  const Result<Reply> hash = client_.call({"HGETALL", key});
  if (!hash) return deskwire::fail(about_key(key, hash.error()).prefixed("job=" + id.str()));
  if (hash->items.empty()) return no_such_job(id);
  std::optional<Job> job = read_job(id, *hash);
  if (!job) return stored_otherwise("job=" + id.str());
  const Result<Reply> stored = client_.call({"GET", keys::payload(*shard, id)});
  if (!stored) return deskwire::fail(Error(stored.error()).prefixed("job=" + id.str()));
  // A damaged payload must not hide the job from whoever looks for the reason.
  if (auto payload = unpack_payload(stored->text, limits_.max_payload_bytes)) {
    job->payload = std::move(*payload);
  }
  return *job;
}

Result<JobCounts> RedisJobStore::counts() {
  Result<std::vector<Reply>> shards = run_everywhere(client_, scripts::counts(), {});
  if (!shards) return deskwire::fail(std::move(shards).error().prefixed("count jobs"));
  constexpr std::array<JobState, 4> kCounted{JobState::kRunning, JobState::kCompleted,
                                             JobState::kDead, JobState::kCancelled};
  JobCounts counts = no_jobs();
  for (const Reply& shard : *shards) {
    // Those that wait have no structure of their own that could be measured.
    each_count(shard.at(0), [&](JobState state, const std::string& /*kind*/, std::int64_t jobs) {
      if (waits(state)) counts[std::string(name_of(state))] += jobs;
    });
    for (std::size_t i = 0; i < kCounted.size(); ++i) {
      counts[std::string(name_of(kCounted.at(i)))] += shard.at(2 + i).as_integer();
    }
  }
  return counts;
}

Result<KindCounts> RedisJobStore::counts_by_kind() {
  Result<std::vector<Reply>> shards = run_everywhere(client_, scripts::counts(), {});
  if (!shards) return deskwire::fail(std::move(shards).error().prefixed("count jobs"));
  KindCounts kinds;
  const auto add = [&kinds](JobState state, const std::string& kind, std::int64_t jobs) {
    const auto [found, is_new] = kinds.try_emplace(kind);
    if (is_new) found->second = no_jobs();
    found->second[std::string(name_of(state))] += jobs;
  };
  for (const Reply& shard : *shards) {
    each_count(shard.at(0), add);
    for (const Reply& kind : shard.at(1).items) add(JobState::kRunning, kind.as_string(), 1);
  }
  return kinds;
}

Status RedisJobStore::retry_now(const JobId& id, const std::string& actor,
                                const std::string& reason) {
  const Result<int> shard = shard_of_job(id);
  if (!shard) return no_such_job(id);
  const Result<Reply> reply = client_.run(
      scripts::retry(), scripts::keys_of(*shard),
      {id.str(), std::to_string(kAuditEntries), kept_actor(actor), kept_error_message(reason)});
  if (!reply) return deskwire::fail(Error(reply.error()).prefixed("retry job=" + id.str()));
  if (reply->text == "due") return {};
  if (reply->text == "missing") return no_such_job(id);
  const std::optional<JobState> state = state_of(reply->text);
  if (!state) return stored_otherwise("retry job=" + id.str());
  return deskwire::fail(ErrorCode::kConflict, "retry job=" + id.str() + ": it is " +
                                                  std::string(name_of(*state)) +
                                                  ", not waiting for its time");
}

Result<JobId> RedisJobStore::replay(const JobId& id, bool again, const std::string& actor,
                                    const std::string& reason) {
  return replay_job(client_, clock_, limits_, id, again, {actor, reason}, {});
}

}  // namespace deskwire::jobs
