#pragma once

#include <atomic>
#include <optional>
#include <utility>

#include "core/redis/redis_client.h"

namespace deskwire::redis {

/// Where a blocking call waits. One a thread and not on its stack: the connection thread may still
/// be inside notify_one() when the caller has gone on.
///
/// Thread safety: wait() on one thread, the callback on any.
class ReplyWaiter {
 public:
  ReplyCallback callback() {
    return [this](Result<Reply> reply) {
      result_.emplace(std::move(reply));
      done_.store(1, std::memory_order_release);
      done_.notify_one();
    };
  }
  Result<Reply> wait() {
    done_.wait(0, std::memory_order_acquire);
    done_.store(0, std::memory_order_relaxed);
    Result<Reply> taken = std::move(*result_);
    result_.reset();
    return taken;
  }

 private:
  std::atomic<int> done_{0};
  std::optional<Result<Reply>> result_;
};

}  // namespace deskwire::redis
