#include "worker/helpdesks/circuit_breaker.h"

#include <chrono>

namespace deskwire::worker {

std::optional<Milliseconds> CircuitBreaker::hold_locked() const {
  if (failures_ < options_.failures_to_open) return std::nullopt;
  const auto left =
      std::chrono::duration_cast<Milliseconds>(next_trial_ - clock_.monotonic()).count();
  if (left <= 0) return std::nullopt;
  return Milliseconds(left);
}

std::optional<Milliseconds> CircuitBreaker::held() const {
  const MutexLock lock(mutex_);
  return hold_locked();
}

std::optional<Milliseconds> CircuitBreaker::admit() {
  const MutexLock lock(mutex_);
  const auto hold = hold_locked();
  const bool is_trial = !hold && failures_ >= options_.failures_to_open;
  if (is_trial) next_trial_ = clock_.monotonic() + options_.open_for;
  return hold;
}

void CircuitBreaker::succeeded() {
  const MutexLock lock(mutex_);
  failures_ = 0;
}

void CircuitBreaker::failed() {
  const MutexLock lock(mutex_);
  if (failures_ < options_.failures_to_open) ++failures_;
  if (failures_ >= options_.failures_to_open) {
    next_trial_ = clock_.monotonic() + options_.open_for;
  }
}

bool CircuitBreaker::open() const {
  const MutexLock lock(mutex_);
  return failures_ >= options_.failures_to_open;
}

}  // namespace deskwire::worker
