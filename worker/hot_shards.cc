#include "worker/hot_shards.h"

namespace deskwire::worker {

void HotShards::offer(int shard) {
  if (shard < 0 || shard >= kShardCount) return;
  const MutexLock lock(mutex_);
  bool& is_waiting = is_waiting_.at(static_cast<std::size_t>(shard));
  if (is_waiting) return;
  is_waiting = true;
  waiting_.push_back(shard);
  changed_.notify_one();
}

std::optional<int> HotShards::take() {
  const MutexLock lock(mutex_);
  while (waiting_.empty() && !closed_) changed_.wait(mutex_);
  if (closed_) return std::nullopt;
  const int shard = waiting_.front();
  waiting_.pop_front();
  is_waiting_.at(static_cast<std::size_t>(shard)) = false;
  return shard;
}

bool HotShards::any() const {
  const MutexLock lock(mutex_);
  return !waiting_.empty();
}

void HotShards::close() {
  const MutexLock lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

void HotShards::open() {
  const MutexLock lock(mutex_);
  closed_ = false;
}

}  // namespace deskwire::worker
