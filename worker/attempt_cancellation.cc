#include "worker/attempt_cancellation.h"

#include <chrono>

namespace deskwire::worker {

void AttemptCancellation::cancel() {
  const MutexLock lock(mutex_);
  cancelled_ = true;
  changed_.notify_all();
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
