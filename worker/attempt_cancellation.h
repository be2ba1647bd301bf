#pragma once

#include <cstdint>
#include <functional>

#include "core/mutex.h"
#include "worker/responder.h"

namespace deskwire::worker {

/// The Cancellation of one attempt, with the handle that its owner cancels it by.
///
/// Thread safety: every method may be called concurrently.
class AttemptCancellation final : public Cancellation {
 public:
  void cancel();
  bool cancelled() const override;
  bool sleep_ms(std::int64_t ms) override;
  void when_cancelled(std::function<void()> then) override;

 private:
  Mutex call_mutex_;  ///< Held while `then_` runs; before mutex_.
  std::function<void()> then_ DW_GUARDED_BY(call_mutex_);
  mutable Mutex mutex_;
  CondVar changed_;
  bool cancelled_ DW_GUARDED_BY(mutex_) = false;
};

}  // namespace deskwire::worker
