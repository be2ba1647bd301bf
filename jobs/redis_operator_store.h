#pragma once

#include "core/redis/redis_client.h"
#include "jobs/lane_limits.h"
#include "jobs/operator_store.h"

namespace deskwire::jobs {

/// OperatorStore on Redis. Keys: docs/redis-keys.md; one Lua file a verb in jobs/scripts. No call
/// keeps Redis busy for long: what is large goes in pieces.
class RedisOperatorStore final : public OperatorStore {
 public:
  RedisOperatorStore(redis::Client& client, LaneLimits limits) : client_(client), limits_(limits) {}

  Result<bool> halt(const HaltTarget& target, const Operator& by) override;
  Result<bool> resume(const HaltTarget& target, const Operator& by) override;
  Result<std::vector<Halt>> halts() override;
  Status drop(const JobId& id, const Operator& by) override;
  Result<LaneView> look(const std::string& lane, const JobId& job) override;
  Result<std::optional<Job>> last_finished(const std::string& lane) override;
  Result<std::vector<PastAttempt>> history(const JobId& id) override;
  Result<std::vector<AuditEntry>> audit(const AuditFilter& filter) override;

 private:
  Result<bool> halt_shard(int shard, const HaltTarget& target, const Operator& by, bool audited);
  Result<bool> resume_shard(int shard, const HaltTarget& target, const Operator& by, bool audited);

  redis::Client& client_;
  const LaneLimits limits_;
};

}  // namespace deskwire::jobs
