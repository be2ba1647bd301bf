#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>

#include "core/mutex.h"
#include "worker/reply_ledger.h"

namespace deskwire::worker {

/// The ledger in memory: for tests and for trying replies out.
class MemoryReplyLedger final : public ReplyLedger {
 public:
  Result<ReplyRecord> read(const std::string& lane, std::int64_t now_ms) override {
    const MutexLock lock(mutex_);
    ReplyRecord record = records_[lane];
    record.day_tokens = days_[now_ms / kDayMs];
    return record;
  }
  void note_answer(const std::string& lane, const std::string& key, const std::string& digest,
                   std::int64_t now_ms) override {
    const MutexLock lock(mutex_);
    if (!noted_.emplace(lane, key).second) return;
    auto& answers = records_[lane].answers;
    answers.push_back({now_ms, digest});
    if (answers.size() > kMaxAnswers) answers.erase(answers.begin());
  }
  void spend(const std::string& lane, std::int64_t tokens, std::int64_t now_ms) override {
    const MutexLock lock(mutex_);
    records_[lane].conversation_tokens += tokens;
    days_[now_ms / kDayMs] += tokens;
  }

 private:
  static constexpr std::int64_t kDayMs = 86400000;
  Mutex mutex_;
  std::map<std::string, ReplyRecord> records_ DW_GUARDED_BY(mutex_);
  std::map<std::int64_t, std::int64_t> days_ DW_GUARDED_BY(mutex_);
  std::set<std::pair<std::string, std::string>> noted_ DW_GUARDED_BY(mutex_);
};

}  // namespace deskwire::worker
