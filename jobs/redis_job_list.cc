// RedisJobStore::list: the ends of the lanes in line, and pages of what is finished.
#include <algorithm>
#include <array>
#include <utility>

#include "core/channel.h"
#include "jobs/redis_job_record.h"
#include "jobs/redis_job_store.h"
#include "jobs/redis_scripts.h"
#include "jobs/store_rules.h"

namespace deskwire::jobs {
namespace {

using redis::Reply;

/// Jobs that one call looks at: bounds how long Redis is busy with it.
constexpr std::size_t kLookedAt = 1000;

struct FinishedSet {
  JobState state;
  const char* key;
};
constexpr std::array<FinishedSet, 3> kFinished{{{JobState::kDead, "dead"},
                                                {JobState::kCompleted, "done"},
                                                {JobState::kCancelled, "cancelled"}}};

std::string before(const JobFilter& filter) {
  return filter.until_ms > 0 ? std::to_string(filter.until_ms) : kEndOfTime;
}

void take(const Reply& found, std::vector<Job>& jobs) {
  for (const Reply& item : found.items) {
    auto job = read_job(JobId(item.at(0).as_string()), item.at(1));
    if (job) jobs.push_back(std::move(*job));
  }
}

Status list_live(redis::Client& client, const JobFilter& filter, const std::vector<int>& shards,
                 std::vector<Job>& jobs) {
  std::vector<ShardCall> calls;
  calls.reserve(shards.size());
  for (const int shard : shards) {
    calls.push_back({shard,
                     {filter.state ? letter_of(*filter.state) : std::string("asrt"), filter.kind,
                      filter.lane, filter.error_code, std::to_string(filter.since_ms),
                      std::to_string(std::min(filter.limit, kLookedAt)), std::to_string(kLookedAt),
                      before(filter)}});
  }
  const Result<std::vector<Reply>> replies = run_on(client, scripts::list(), calls);
  if (!replies) return fail(replies.error());
  for (const Reply& reply : *replies) take(reply, jobs);
  return {};
}

/// Page after page, of all shards at the same time, until each has given enough or has no more.
Status list_finished(redis::Client& client, const JobFilter& filter, const char* set,
                     const std::vector<int>& shards, std::vector<Job>& jobs) {
  struct Cursor {
    int shard;
    std::string time;
    std::string id;
    std::size_t wanted;
  };
  std::vector<Cursor> open;
  open.reserve(shards.size());
  for (const int shard : shards) open.push_back({shard, "+inf", "", filter.limit});
  while (!open.empty()) {
    std::vector<ShardCall> calls;
    calls.reserve(open.size());
    for (const Cursor& cursor : open) {
      calls.push_back(
          {cursor.shard,
           {set, cursor.time, cursor.id, std::to_string(kLookedAt),
            std::to_string(std::min(cursor.wanted, kLookedAt)), filter.kind, filter.lane,
            filter.error_code, std::to_string(filter.since_ms), before(filter)}});
    }
    const Result<std::vector<Reply>> replies = run_on(client, scripts::scan(), calls);
    if (!replies) return fail(replies.error());
    for (std::size_t i = 0; i < open.size(); ++i) {
      const Reply& page = replies->at(i);
      open[i].time = page.at(0).as_string();
      open[i].id = page.at(1).as_string();
      open[i].wanted -= std::min(open[i].wanted, page.at(2).items.size());
      take(page.at(2), jobs);
    }
    const auto closed = [](const Cursor& one) { return one.time.empty() || one.wanted == 0; };
    open.erase(std::remove_if(open.begin(), open.end(), closed), open.end());
  }
  return {};
}

}  // namespace

Result<std::vector<Job>> RedisJobStore::list(const JobFilter& filter) {
  std::vector<int> shards;
  shards.reserve(kShardCount);
  for (int shard = 0; shard < kShardCount; ++shard) shards.push_back(shard);
  if (!filter.lane.empty()) shards = {shard_of_lane(filter.lane)};
  std::vector<Job> jobs;
  if (!filter.state || !is_finished(*filter.state)) {
    if (Status listed = list_live(client_, filter, shards, jobs); !listed) {
      return deskwire::fail(std::move(listed).error().prefixed("list jobs"));
    }
  }
  for (const FinishedSet& set : kFinished) {
    if (filter.state && *filter.state != set.state) continue;
    if (Status listed = list_finished(client_, filter, set.key, shards, jobs); !listed) {
      return deskwire::fail(std::move(listed).error().prefixed("list jobs"));
    }
  }
  sort_newest_first(jobs, filter.limit);
  return jobs;
}

}  // namespace deskwire::jobs
