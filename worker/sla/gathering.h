#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/mutex.h"
#include "core/result.h"

namespace deskwire::worker {

/// Answers of calls that are under way at the same time, for a thread that waits for all of them.
/// Every call answers within its timeout, if only with an error, so the wait ends.
template <typename T>
class Gathering : public std::enable_shared_from_this<Gathering<T>> {
 public:
  /// The callback of one more call. It may come after nobody waits any more.
  std::function<void(Result<T>)> slot() {
    const MutexLock lock(mutex_);
    const std::size_t index = answers_.size();
    answers_.emplace_back();
    ++left_;
    return [self = this->shared_from_this(), index](Result<T> answer) {
      self->put(index, std::move(answer));
    };
  }

  /// In the order of the slots.
  std::vector<Result<T>> wait() {
    const MutexLock lock(mutex_);
    while (left_ > 0) changed_.wait(mutex_);
    std::vector<Result<T>> all;
    all.reserve(answers_.size());
    for (auto& answer : answers_) all.push_back(std::move(*answer));
    return all;
  }

 private:
  void put(std::size_t index, Result<T> answer) {
    const MutexLock lock(mutex_);
    if (answers_[index]) return;
    answers_[index] = std::move(answer);
    if (--left_ == 0) changed_.notify_all();
  }

  Mutex mutex_;
  CondVar changed_;
  std::vector<std::optional<Result<T>>> answers_ DW_GUARDED_BY(mutex_);
  std::size_t left_ DW_GUARDED_BY(mutex_) = 0;
};

}  // namespace deskwire::worker
