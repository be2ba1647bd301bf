#include "jobs/replay_batches.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "core/ids.h"
#include "jobs/effects.h"
#include "jobs/keys.h"
#include "jobs/payload_codec.h"
#include "jobs/redis_job_record.h"
#include "jobs/redis_scripts.h"
#include "jobs/store_rules.h"

namespace deskwire::jobs {
namespace {

using redis::Reply;

constexpr std::size_t kProspectsPerCall = 100;
/// Replies are short; what is longer is something else, and needs no look.
constexpr std::size_t kMaxForecastPayload = std::size_t{64} << 10U;
constexpr std::size_t kPushesPerCall = 1000;
constexpr std::int64_t kRememberedSeconds = 7LL * 86400;

tl::unexpected<Error> no_such_batch(const std::string& id) {
  return fail(ErrorCode::kNotFound, "batch=" + id + ": no such bulk replay; they are kept a week");
}

std::size_t size_of(const Reply& reply) {
  return static_cast<std::size_t>(std::max<std::int64_t>(0, reply.as_integer()));
}

Prospect read_prospect(Job job, const Reply& reply) {
  Prospect prospect;
  prospect.job = std::move(job);
  if (auto payload = unpack_payload(reply.at(1).text, 16 * kMaxForecastPayload)) {
    prospect.job.payload = std::move(*payload);
  }
  prospect.payload_gone = reply.at(1).is_nil();
  prospect.replay = state_of(reply.at(2).as_string());
  prospect.effect_done = reply.at(3).as_string().starts_with("D|");
  prospect.conversation = scripts::read_conversation(reply.at(4));
  prospect.last_message_is_ours = reply.at(5).as_integer() == 1;
  return prospect;
}

std::string key_of(int shard, const char* kind, const std::string& id) {
  return keys::prefix(shard) + kind + id;
}

ReplayBatch::State batch_state_of(std::string_view name) {
  if (name == "done") return ReplayBatch::State::kDone;
  return name == "cancelled" ? ReplayBatch::State::kCancelled : ReplayBatch::State::kRunning;
}

}  // namespace

Result<JobId> replay_job(redis::Client& client, const Clock& clock, const LaneLimits& limits,
                         const JobId& id, bool again, const Operator& by,
                         const std::string& batch) {
  const Result<int> shard = shard_of_job(id);
  if (!shard) return no_such_job(id);
  const JobId fresh = new_job_id(clock.wall_ms(), *shard);
  const std::string what = "replay job=" + id.str();
  const Result<Reply> reply =
      client.run(scripts::replay(), scripts::keys_of(*shard),
                 {id.str(), fresh.str(), again ? "1" : "0", kept_actor(by.actor),
                  kept_error_message(by.reason), std::to_string(limits.max_lane_jobs),
                  std::to_string(kAuditEntries), batch});
  if (!reply) return fail(Error(reply.error()).prefixed(what));
  const std::string& outcome = reply->at(0).text;
  if (outcome == "replayed") return JobId(reply->at(1).as_string());
  if (outcome == "missing") return no_such_job(id);
  if (outcome == "gone") {
    return fail(ErrorCode::kConflict, what + ": its payload is gone, there is nothing to run");
  }
  if (outcome == "full") {
    return fail(ErrorCode::kFull, what + ": its lane is full (jobs.max_lane_jobs)");
  }
  const std::optional<JobState> state = state_of(reply->at(1).text);
  if (outcome != "live" || !state) return stored_otherwise(what);
  return fail(ErrorCode::kConflict, what + ": it is " + std::string(name_of(*state)));
}

Result<std::vector<Prospect>> ReplayBatches::prospects(const std::vector<Job>& jobs) {
  std::array<std::vector<const Job*>, kShardCount> shards;
  for (const Job& job : jobs) {
    const Result<int> shard = shard_of_job(job.id);
    if (shard) shards.at(static_cast<std::size_t>(*shard)).push_back(&job);
  }
  std::map<JobId, Prospect> found;
  for (std::size_t shard = 0; shard < shards.size(); ++shard) {
    const std::vector<const Job*>& of_shard = shards.at(shard);
    for (std::size_t begin = 0; begin < of_shard.size(); begin += kProspectsPerCall) {
      const std::size_t end = std::min(of_shard.size(), begin + kProspectsPerCall);
      std::vector<std::string> args{std::to_string(kMaxForecastPayload),
                                    std::to_string(end - begin)};
      for (std::size_t i = begin; i < end; ++i) {
        args.push_back(of_shard[i]->id.str());
        args.push_back(effect_key(of_shard[i]->root.str()));
      }
      const Result<Reply> reply = client_.run(
          scripts::prospects(), scripts::keys_of(static_cast<int>(shard)), std::move(args));
      if (!reply) return fail(Error(reply.error()).prefixed("forecast"));
      for (std::size_t i = begin; i < end; ++i) {
        const Reply& one = reply->at(i - begin);
        std::optional<Job> job = read_job(of_shard[i]->id, one.at(0));
        if (job) found[job->id] = read_prospect(*job, one);
      }
    }
  }
  std::vector<Prospect> prospects;
  for (const Job& job : jobs) {
    const auto prospect = found.find(job.id);
    if (prospect != found.end()) prospects.push_back(std::move(prospect->second));
  }
  return prospects;
}

Result<ReplayBatch> ReplayBatches::create(const std::vector<Job>& jobs, bool again,
                                          const Operator& by) {
  ReplayBatch batch;
  batch.created_at_ms = clock_.wall_ms();
  // A shard of its own each: its keys lie wherever the id says, as a job's do.
  const int shard = static_cast<int>(batch.created_at_ms % kShardCount);
  batch.id = new_job_id(batch.created_at_ms, shard).str();
  batch.again = again;
  batch.by = {kept_actor(by.actor), kept_error_message(by.reason)};
  batch.total = batch.left = jobs.size();
  const std::string todo = key_of(shard, "todo:", batch.id);
  const auto run = [&](redis::Command command) -> Status {
    const Result<Reply> reply = client_.call(std::move(command));
    if (!reply) return fail(Error(reply.error()).prefixed("begin batch=" + batch.id));
    return {};
  };
  for (std::size_t begin = 0; begin < jobs.size(); begin += kPushesPerCall) {
    redis::Command push{"RPUSH", todo};
    const std::size_t end = std::min(jobs.size(), begin + kPushesPerCall);
    for (std::size_t i = begin; i < end; ++i) push.push_back(jobs[i].id.str());
    if (Status pushed = run(std::move(push)); !pushed) return fail(std::move(pushed).error());
  }
  const std::string key = key_of(shard, "batch:", batch.id);
  const std::string seconds = std::to_string(kRememberedSeconds);
  // The hash comes last: a batch that is there is whole.
  for (redis::Command command : std::vector<redis::Command>{
           {"EXPIRE", todo, seconds},
           {"HSET", key, "state", "running", "again", again ? "1" : "0", "actor", batch.by.actor,
            "reason", batch.by.reason, "created", std::to_string(batch.created_at_ms), "total",
            std::to_string(batch.total)},
           {"EXPIRE", key, seconds}}) {
    if (Status done = run(std::move(command)); !done) return fail(std::move(done).error());
  }
  return batch;
}

Result<ReplayBatch> ReplayBatches::find(const std::string& id) {
  const Result<int> shard = shard_of_job(JobId(id));
  if (!shard) return no_such_batch(id);
  const Result<Reply> fields =
      client_.call({"HMGET", key_of(*shard, "batch:", id), "state", "again", "actor", "reason",
                    "created", "total", "replayed", "failed"});
  if (!fields) return fail(Error(fields.error()).prefixed("batch=" + id));
  if (fields->at(0).is_nil()) return no_such_batch(id);
  const Result<Reply> left = client_.call({"LLEN", key_of(*shard, "todo:", id)});
  if (!left) return fail(Error(left.error()).prefixed("batch=" + id));
  ReplayBatch batch;
  batch.id = id;
  batch.state = batch_state_of(fields->at(0).as_string());
  batch.again = fields->at(1).as_integer() == 1;
  batch.by = {fields->at(2).as_string(), fields->at(3).as_string()};
  batch.created_at_ms = fields->at(4).as_integer();
  batch.total = size_of(fields->at(5));
  batch.replayed = size_of(fields->at(6));
  batch.failed = size_of(fields->at(7));
  batch.left = size_of(*left);
  return batch;
}

Result<std::vector<JobId>> ReplayBatches::next(const ReplayBatch& batch, std::size_t count) {
  std::vector<JobId> ids;
  const Result<int> shard = shard_of_job(JobId(batch.id));
  if (!shard) return no_such_batch(batch.id);
  if (count == 0) return ids;
  const Result<Reply> reply =
      client_.call({"LRANGE", key_of(*shard, "todo:", batch.id), "0", std::to_string(count - 1)});
  if (!reply) return fail(Error(reply.error()).prefixed("batch=" + batch.id));
  for (const Reply& id : reply->items) ids.emplace_back(id.as_string());
  return ids;
}

Result<JobId> ReplayBatches::replay(const ReplayBatch& batch, const JobId& id) {
  return replay_job(client_, clock_, limits_, id, batch.again, batch.by, batch.id);
}

Status ReplayBatches::advance(ReplayBatch& batch, const std::vector<JobId>& ids,
                              std::size_t replayed, std::size_t failed) {
  if (ids.empty()) return {};
  const Result<int> shard = shard_of_job(JobId(batch.id));
  if (!shard) return no_such_batch(batch.id);
  const Result<Reply> reply =
      client_.run(scripts::batch(), scripts::keys_of(*shard),
                  {batch.id, "advance", std::to_string(ids.size()), std::to_string(replayed),
                   std::to_string(failed), std::to_string(kRememberedSeconds), ids.front().str()});
  if (!reply) return fail(Error(reply.error()).prefixed("batch=" + batch.id));
  if (reply->at(0).text.empty()) return no_such_batch(batch.id);
  batch.state = batch_state_of(reply->at(0).text);
  batch.left = size_of(reply->at(1));
  batch.replayed += replayed;
  batch.failed += failed;
  return {};
}

Result<ReplayBatch> ReplayBatches::cancel(const std::string& id, const Operator& by) {
  const Result<int> shard = shard_of_job(JobId(id));
  if (!shard) return no_such_batch(id);
  const Result<Reply> reply =
      client_.run(scripts::batch(), scripts::keys_of(*shard),
                  {id, "cancel", kept_actor(by.actor), kept_error_message(by.reason),
                   std::to_string(kAuditEntries), std::to_string(kRememberedSeconds)});
  if (!reply) return fail(Error(reply.error()).prefixed("cancel batch=" + id));
  if (reply->at(0).text.empty()) return no_such_batch(id);
  if (reply->at(0).text == "done") {
    return fail(ErrorCode::kConflict, "cancel batch=" + id + ": it is done already");
  }
  return find(id);
}

}  // namespace deskwire::jobs
