#include "worker/attempt_cancellation.h"

#include <chrono>
#include <utility>

namespace deskwire::worker {

void AttemptCancellation::cancel() {
  const MutexLock call_lock(call_mutex_);
  {
    const MutexLock lock(mutex_);
    if (cancelled_) return;
    cancelled_ = true;
    changed_.notify_all();
  }
  if (then_) then_();
}

void AttemptCancellation::when_cancelled(std::function<void()> then) {
  const MutexLock call_lock(call_mutex_);
  then_ = std::move(then);
  if (then_ && cancelled()) then_();
}

bool AttemptCancellation::cancelled() const {
  const MutexLock lock(mutex_);
  return cancelled_;
}

bool AttemptCancellation::sleep_ms(std::int64_t ms) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(ms);
  const MutexLock lock(mutex_);
  while (!cancelled_ && std::chrono::steady_clock::now() < until) {
    changed_.wait_until(mutex_, until);
  }
  return !cancelled_;
}

}  // namespace deskwire::worker
