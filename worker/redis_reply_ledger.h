#pragma once

#include "core/redis/redis_client.h"
#include "worker/reply_ledger.h"

namespace deskwire::worker {

/// The ledger in Redis (docs/redis-keys.md: `rp:<lane>`, `spent:<day>`).
class RedisReplyLedger final : public ReplyLedger {
 public:
  /// @param reads_day  Whether `day_tokens` is wanted: one more round trip.
  RedisReplyLedger(redis::Client& client, bool reads_day)
      : client_(client), reads_day_(reads_day) {}
  Result<ReplyRecord> read(const std::string& lane, std::int64_t now_ms) override;
  void note_answer(const std::string& lane, const std::string& key, const std::string& digest,
                   std::int64_t now_ms) override;
  void spend(const std::string& lane, std::int64_t tokens, std::int64_t now_ms) override;

 private:
  redis::Client& client_;
  const bool reads_day_;
};

}  // namespace deskwire::worker
