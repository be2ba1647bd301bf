// The half of RedisJobStore that people and guards ask: reads, replays, retries.
#include <algorithm>
#include <array>
#include <future>
#include <map>
#include <utility>

#include "core/channel.h"
#include "core/ids.h"
#include "jobs/keys.h"
#include "jobs/payload_codec.h"
#include "jobs/redis_job_store.h"
#include "jobs/redis_scripts.h"
#include "jobs/store_rules.h"

namespace deskwire::jobs {
namespace {

using redis::Reply;

/// Jobs of a shard that one listing looks at: bounds how long Redis is busy with it.
constexpr std::size_t kListBudget = 4000;
constexpr int kAuditEntries = 10000;

struct Letter {
  char letter;
  JobState state;
};
constexpr std::array<Letter, 7> kLetters{{{'s', JobState::kScheduled},
                                          {'a', JobState::kAvailable},
                                          {'r', JobState::kRunning},
                                          {'t', JobState::kRetryable},
                                          {'c', JobState::kCompleted},
                                          {'x', JobState::kCancelled},
                                          {'d', JobState::kDead}}};

std::optional<JobState> state_of(std::string_view letter) {
  for (const Letter& known : kLetters) {
    if (letter.size() == 1 && letter.front() == known.letter) return known.state;
  }
  return std::nullopt;
}

std::string letter_of(JobState state) {
  for (const Letter& known : kLetters) {
    if (known.state == state) return {known.letter};
  }
  return {};
}

tl::unexpected<Error> corrupt(std::string_view what) {
  return fail(ErrorCode::kCorrupt, std::string(what) + ": stored data of another shape");
}

tl::unexpected<Error> missing(const JobId& id) {
  return fail(ErrorCode::kNotFound, "job=" + id.str() + ": no such job");
}

/// A job from the HGETALL of its hash; nullopt when that is not one.
std::optional<Job> read_job(const JobId& id, const Reply& hash) {
  std::map<std::string, const Reply*> fields;
  for (std::size_t i = 0; i + 1 < hash.items.size(); i += 2) {
    fields[hash.items[i].as_string()] = &hash.items[i + 1];
  }
  const auto text = [&](const char* name) {
    const auto found = fields.find(name);
    return found == fields.end() ? std::string() : found->second->as_string();
  };
  const auto number = [&](const char* name, std::int64_t fallback) {
    const auto found = fields.find(name);
    return found == fields.end() ? fallback : found->second->as_integer(fallback);
  };
  const std::optional<JobState> state = state_of(text("s"));
  if (!state) return std::nullopt;
  Job job;
  job.id = id;
  job.state = *state;
  job.kind = text("k");
  job.lane = text("l");
  job.created_at_ms = number("t", 0);
  job.due_at_ms = number("due", job.created_at_ms);
  job.finished_at_ms = number("fin", 0);
  job.attempt = static_cast<int>(number("a", 0));
  job.max_attempts = static_cast<int>(number("ma", 1));
  job.crashes = static_cast<int>(number("cr", 0));
  job.messages = static_cast<int>(number("n", 1));
  if (job.state == JobState::kRunning) job.worker = text("w");
  job.error_code = text("err");
  job.error_message = text("msg");
  job.outcome = text("out");
  job.parent = JobId(text("par"));
  const std::string root = text("root");
  job.root = root.empty() ? id : JobId(root);
  return job;
}

/// One script on every shard, all under way at the same time.
Result<std::vector<Reply>> run_everywhere(redis::Client& client, const redis::Script& script,
                                          const std::vector<std::string>& args) {
  std::vector<std::future<Result<Reply>>> answers;
  for (int shard = 0; shard < kShardCount; ++shard) {
    auto answer = std::make_shared<std::promise<Result<Reply>>>();
    answers.push_back(answer->get_future());
    client.submit(script, scripts::keys_of(shard), args,
                  [answer](Result<Reply> reply) { answer->set_value(std::move(reply)); });
  }
  std::vector<Reply> replies;
  for (std::future<Result<Reply>>& answer : answers) {
    Result<Reply> reply = answer.get();
    if (!reply) return fail(std::move(reply).error());
    replies.push_back(std::move(*reply));
  }
  return replies;
}

}  // namespace

Result<ConversationState> RedisJobStore::conversation(const std::string& lane) {
  redis::Command command{"HMGET", keys::conversation(lane)};
  const std::vector<std::string>& fields = scripts::conversation_fields();
  command.insert(command.end(), fields.begin(), fields.end());
  const Result<Reply> reply = client_.call(std::move(command));
  if (!reply) return deskwire::fail(Error(reply.error()).prefixed("conversation " + lane));
  return scripts::read_conversation(*reply);
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
  if (!shard) return missing(id);
  const Result<Reply> hash = client_.call({"HGETALL", keys::job(*shard, id)});
  if (!hash) return deskwire::fail(Error(hash.error()).prefixed("job=" + id.str()));
  if (hash->items.empty()) return missing(id);
  std::optional<Job> job = read_job(id, *hash);
  if (!job) return corrupt("job=" + id.str());
  const Result<Reply> stored = client_.call({"GET", keys::payload(*shard, id)});
  if (!stored) return deskwire::fail(Error(stored.error()).prefixed("job=" + id.str()));
  // A damaged payload must not hide the job from whoever looks for the reason.
  if (auto payload = unpack_payload(stored->text, limits_.max_payload_bytes)) {
    job->payload = std::move(*payload);
  }
  return *job;
}

Result<std::vector<Job>> RedisJobStore::list(const JobFilter& filter) {
  const std::vector<std::string> args{filter.state ? letter_of(*filter.state) : std::string(),
                                      filter.kind,
                                      filter.lane,
                                      filter.error_code,
                                      std::to_string(filter.since_ms),
                                      std::to_string(std::min(filter.limit, kListBudget)),
                                      std::to_string(kListBudget)};
  std::vector<Reply> shards;
  if (filter.lane.empty()) {
    Result<std::vector<Reply>> replies = run_everywhere(client_, scripts::list(), args);
    if (!replies) return deskwire::fail(std::move(replies).error().prefixed("list jobs"));
    shards = std::move(*replies);
  } else {
    Result<Reply> reply =
        client_.run(scripts::list(), scripts::keys_of(shard_of_lane(filter.lane)), args);
    if (!reply) return deskwire::fail(std::move(reply).error().prefixed("list jobs"));
    shards.push_back(std::move(*reply));
  }
  std::vector<Job> jobs;
  for (const Reply& found : shards) {
    for (const Reply& item : found.items) {
      auto job = read_job(JobId(item.at(0).as_string()), item.at(1));
      if (job) jobs.push_back(std::move(*job));
    }
  }
  sort_newest_first(jobs, filter.limit);
  return jobs;
}

Result<JobCounts> RedisJobStore::counts() {
  Result<std::vector<Reply>> replies = run_everywhere(client_, scripts::counts(), {});
  if (!replies) return deskwire::fail(std::move(replies).error().prefixed("count jobs"));
  constexpr std::array<JobState, 6> kOrder{JobState::kAvailable, JobState::kScheduled,
                                           JobState::kRetryable, JobState::kRunning,
                                           JobState::kCompleted, JobState::kDead};
  JobCounts counts = no_jobs();
  for (const Reply& shard : *replies) {
    for (std::size_t i = 0; i < kOrder.size(); ++i) {
      counts[std::string(name_of(kOrder.at(i)))] += shard.at(i).as_integer();
    }
  }
  return counts;
}

Status RedisJobStore::retry_now(const JobId& id) {
  const Result<int> shard = shard_of_job(id);
  if (!shard) return missing(id);
  const Result<Reply> reply = client_.run(scripts::retry(), scripts::keys_of(*shard),
                                          {id.str(), std::to_string(kAuditEntries)});
  if (!reply) return deskwire::fail(Error(reply.error()).prefixed("retry job=" + id.str()));
  if (reply->text == "due") return {};
  if (reply->text == "missing") return missing(id);
  const std::optional<JobState> state = state_of(reply->text);
  if (!state) return corrupt("retry job=" + id.str());
  return deskwire::fail(ErrorCode::kConflict, "retry job=" + id.str() + ": it is " +
                                                  std::string(name_of(*state)) +
                                                  ", not waiting for its time");
}

Result<JobId> RedisJobStore::replay(const JobId& id, bool again, const std::string& actor,
                                    const std::string& reason) {
  const Result<int> shard = shard_of_job(id);
  if (!shard) return missing(id);
  const JobId fresh = new_job_id(clock_.wall_ms(), *shard);
  const std::string what = "replay job=" + id.str();
  const Result<Reply> reply =
      client_.run(scripts::replay(), scripts::keys_of(*shard),
                  {id.str(), fresh.str(), again ? "1" : "0", actor, kept_error_message(reason),
                   std::to_string(limits_.max_lane_jobs), std::to_string(kAuditEntries)});
  if (!reply) return deskwire::fail(Error(reply.error()).prefixed(what));
  const std::string& outcome = reply->at(0).text;
  if (outcome == "replayed") return JobId(reply->at(1).as_string());
  if (outcome == "missing") return missing(id);
  if (outcome == "full") {
    return deskwire::fail(ErrorCode::kFull, what + ": its lane is full (jobs.max_lane_jobs)");
  }
  const std::optional<JobState> state = state_of(reply->at(1).text);
  if (outcome != "live" || !state) return corrupt(what);
  return deskwire::fail(ErrorCode::kConflict, what + ": it is " + std::string(name_of(*state)));
}

}  // namespace deskwire::jobs
