#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "core/mutex.h"
#include "core/net/stream.h"

namespace deskwire::publishers {

/// The way from other threads to a loop that may be gone when their answer comes: Redis calls back
/// after the gateway was stopped.
///
/// Thread safety: every method may be called concurrently.
class LoopGate {
 public:
  explicit LoopGate(net::Loop& loop) : loop_(&loop) {}

  /// Dropped after close().
  void post(std::function<void()> task) {
    const MutexLock lock(mutex_);
    if (loop_ != nullptr) loop_->post(std::move(task));
  }
  /// Before the loop is destroyed.
  void close() {
    const MutexLock lock(mutex_);
    loop_ = nullptr;
  }

  /// `done` as a callback that any thread may call; it runs on the loop, or never.
  template <typename Argument>
  static std::function<void(Argument)> returning(const std::shared_ptr<LoopGate>& gate,
                                                 std::function<void(Argument)> done) {
    return [gate, done = std::move(done)](Argument argument) {
      gate->post([done, argument = std::move(argument)]() mutable { done(std::move(argument)); });
    };
  }

 private:
  Mutex mutex_;
  net::Loop* loop_ DW_GUARDED_BY(mutex_);
};

using LoopGatePtr = std::shared_ptr<LoopGate>;

}  // namespace deskwire::publishers
