#pragma once

#include "core/redis/redis_client.h"
#include "publishers/oncall/on_call_store.h"

namespace deskwire::publishers {

/// On Redis (docs/redis-keys.md, "On-call").
class RedisOnCallStore final : public OnCallStore {
 public:
  RedisOnCallStore(redis::Client& client, std::int64_t max_log, std::int64_t max_dead)
      : client_(client), max_log_(max_log), max_dead_(max_dead) {}

  Result<Taken> take(std::size_t limit, std::int64_t lease_ms) override;
  Result<std::optional<LogPosition>> position(const std::string& channel) override;
  Result<std::optional<std::string>> text(const std::string& key) override;
  Result<bool> commit(const OnCallChange& change) override;
  Result<std::vector<std::pair<std::string, std::string>>> dead(std::size_t limit) override;
  Result<std::vector<std::string>> log(std::size_t limit) override;

 private:
  redis::Client& client_;
  const std::int64_t max_log_;
  const std::int64_t max_dead_;
};

}  // namespace deskwire::publishers
