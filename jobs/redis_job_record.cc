#include "jobs/redis_job_record.h"

#include <array>
#include <future>
#include <map>
#include <memory>
#include <utility>

#include "jobs/keys.h"
#include "jobs/redis_scripts.h"

namespace deskwire::jobs {
namespace {

using redis::Reply;

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

/// Waits for what was submitted to every shard.
///
/// @param keys  What each of them read, for the message of an error; empty: scripts know.
Result<std::vector<Reply>> collect(std::vector<std::future<Result<Reply>>> answers,
                                   const std::vector<std::string>& keys = {}) {
  std::vector<Reply> replies;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    Result<Reply> reply = answers[i].get();
    if (!reply && keys.empty()) return fail(std::move(reply).error());
    if (!reply) return fail(about_key(keys.at(i), std::move(reply).error()));
    replies.push_back(std::move(*reply));
  }
  return replies;
}

redis::ReplyCallback into(std::vector<std::future<Result<Reply>>>& answers) {
  auto answer = std::make_shared<std::promise<Result<Reply>>>();
  answers.push_back(answer->get_future());
  return [answer](Result<Reply> reply) { answer->set_value(std::move(reply)); };
}

}  // namespace

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
  if (job.state == JobState::kRunning) {
    job.worker = text("w");
    job.leased_at_ms = number("at", 0);
  }
  job.error_code = text("err");
  job.error_message = text("msg");
  job.outcome = text("out");
  job.replay = JobId(text("rep"));
  job.parent = JobId(text("par"));
  const std::string root = text("root");
  job.root = root.empty() ? id : JobId(root);
  return job;
}

Result<std::vector<Reply>> run_on(redis::Client& client, const redis::Script& script,
                                  const std::vector<ShardCall>& calls) {
  std::vector<std::future<Result<Reply>>> answers;
  for (const ShardCall& call : calls) {
    redis::ReplyCallback done = into(answers);
    client.submit(script, scripts::keys_of(call.shard), call.args, std::move(done));
  }
  return collect(std::move(answers));
}

Result<std::vector<Reply>> run_everywhere(redis::Client& client, const redis::Script& script,
                                          const std::vector<std::string>& args) {
  std::vector<ShardCall> calls;
  calls.reserve(kShardCount);
  for (int shard = 0; shard < kShardCount; ++shard) calls.push_back({shard, args});
  return run_on(client, script, calls);
}

Result<std::vector<Reply>> call_everywhere(redis::Client& client, const redis::Command& command) {
  std::vector<std::future<Result<Reply>>> answers;
  std::vector<std::string> names;
  for (int shard = 0; shard < kShardCount; ++shard) {
    redis::Command of_shard = command;
    of_shard.at(1).insert(0, keys::prefix(shard));
    names.push_back(of_shard.at(1));
    redis::ReplyCallback done = into(answers);
    client.submit(std::move(of_shard), std::move(done));
  }
  return collect(std::move(answers), names);
}

Error about_key(const std::string& key, Error error) {
  if (error.code != ErrorCode::kCorrupt) return error;
  error.message += "; run `deskwire jobs fsck`";
  return std::move(error).prefixed("key " + key);
}

tl::unexpected<Error> stored_otherwise(std::string_view what) {
  return fail(ErrorCode::kCorrupt, std::string(what) + ": stored data of another shape");
}

}  // namespace deskwire::jobs
