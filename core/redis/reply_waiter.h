#pragma once

#include <optional>
#include <utility>

#include "core/mutex.h"
#include "core/redis/redis_client.h"

namespace deskwire::redis {

/// Where a blocking call waits. One a thread and not on its stack: the connection thread may still
/// be inside notify_one() when the caller has gone on. A condition variable and not an atomic's
/// wait(): that spins with sched_yield() first, which costs a busy machine six switches a call.
///
/// Thread safety: wait() on one thread, the callback on any.
class ReplyWaiter {
 public:
  ReplyCallback callback() {
    return [this](Result<Reply> reply) {
      const MutexLock lock(mutex_);
      result_.emplace(std::move(reply));
      answered_.notify_one();
    };
  }
  Result<Reply> wait() {
    const MutexLock lock(mutex_);
    while (!result_) answered_.wait(mutex_);
    Result<Reply> taken = std::move(*result_);
    result_.reset();
    return taken;
  }

 private:
  Mutex mutex_;
  CondVar answered_;
  std::optional<Result<Reply>> result_ DW_GUARDED_BY(mutex_);
};

}  // namespace deskwire::redis
