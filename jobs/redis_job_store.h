#pragma once

#include "core/clock.h"
#include "core/redis/redis_client.h"
#include "jobs/enqueue_batches.h"
#include "jobs/job_store.h"
#include "jobs/lane_limits.h"

namespace deskwire::jobs {

/// JobStore on Redis. Keys and states: docs/redis-keys.md; one Lua file a verb in jobs/scripts.
class RedisJobStore final : public JobStore {
 public:
  RedisJobStore(redis::Client& client, const Clock& clock, LaneLimits limits);
  /// @param confirmed  For enqueue and intend: what must not be lost once it is answered goes over
  ///                   a connection that waits for replicas
  ///                   (redis::Client::Options::wait_replicas).
  RedisJobStore(redis::Client& client, redis::Client& confirmed, const Clock& clock,
                LaneLimits limits);
  ~RedisJobStore() override;
  /// LaneLimits::clocks_run from now on: the policies were read anew.
  void set_clocks_run(bool run) { batches_.set_clocks_run(run); }
  RedisJobStore(const RedisJobStore&) = delete;
  RedisJobStore& operator=(const RedisJobStore&) = delete;

  void enqueue_async(EnqueueRequest request,
                     std::function<void(Result<EnqueueResult>)> done) override;
  Result<EnqueueResult> enqueue(const EnqueueRequest& request) override;
  Result<StepResult> step(const StepRequest& request) override;
  Result<Intent> intend(const Lease& lease, const std::string& effect, const std::string& reply,
                        const std::vector<Event>& events, const Event& unfinished) override;
  Result<FailResult> fail(const FailRequest& request) override;
  Result<BeatResult> beat(const BeatRequest& request) override;
  void beat_async(const BeatRequest& request,
                  const std::function<void(Result<BeatResult>)>& done) override;
  Status release(const Lease& lease) override;
  Result<ConversationState> conversation(const std::string& lane) override;
  void conversation_async(const std::string& lane,
                          const std::function<void(Result<ConversationState>)>& done) override;
  Result<std::string> mapped_message(const std::string& lane,
                                     const std::string& helpdesk_id) override;
  void mapped_message_async(std::string lane, std::string helpdesk_id,
                            std::function<void(Result<std::string>)> done) override;
  Result<Job> get(const JobId& id) override;
  Result<std::vector<Job>> list(const JobFilter& filter) override;
  Result<JobCounts> counts() override;
  Result<KindCounts> counts_by_kind() override;
  Status retry_now(const JobId& id, const std::string& actor, const std::string& reason) override;
  Result<JobId> replay(const JobId& id, bool again, const std::string& actor,
                       const std::string& reason) override;

 private:
  redis::Client& client_;
  redis::Client& confirmed_;
  const Clock& clock_;
  LaneLimits limits_;
  EnqueueBatches batches_;
};

}  // namespace deskwire::jobs
