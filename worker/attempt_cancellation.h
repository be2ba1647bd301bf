#pragma once

#include <cstdint>

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

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  bool cancelled_ DW_GUARDED_BY(mutex_) = false;
};

}  // namespace deskwire::worker
