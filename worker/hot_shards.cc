#include "worker/hot_shards.h"

namespace deskwire::worker {

void HotShards::offer(int shard) {
  if (shard < 0 || shard >= kShardCount) return;
  const MutexLock lock(mutex_);
  bool& is_waiting = is_waiting_.at(static_cast<std::size_t>(shard));
  if (is_waiting) return;
  is_waiting = true;
  waiting_.push_back(shard);
  other_wanted_ = false;
  changed_.notify_one();
}

std::optional<int> HotShards::take() {
  const MutexLock lock(mutex_);
  ++idle_;
  if (wanted()) wanted_changed_.notify_all();
  while (waiting_.empty() && !closed_) changed_.wait(mutex_);
  --idle_;
  if (closed_) return std::nullopt;
  const int shard = waiting_.front();
  waiting_.pop_front();
  is_waiting_.at(static_cast<std::size_t>(shard)) = false;
  return shard;
}

bool HotShards::any_other() {
  const MutexLock lock(mutex_);
  if (!waiting_.empty()) return true;
  other_wanted_ = true;
  wanted_changed_.notify_all();
  return false;
}

bool HotShards::wanted() const { return closed_ || other_wanted_ || idle_ > waiting_.size(); }

void HotShards::wait_until_wanted() {
  const MutexLock lock(mutex_);
  while (!wanted()) wanted_changed_.wait(mutex_);
}

void HotShards::close() {
  const MutexLock lock(mutex_);
  closed_ = true;
  changed_.notify_all();
  wanted_changed_.notify_all();
}

void HotShards::open() {
  const MutexLock lock(mutex_);
  closed_ = false;
}

}  // namespace deskwire::worker
