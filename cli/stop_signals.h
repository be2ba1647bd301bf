#pragma once

#include <optional>
#include <thread>

#include "core/clock.h"

namespace deskwire::cli {

/// Blocks SIGTERM, SIGINT, SIGHUP and SIGCHLD in this thread and all that it starts, so that only
/// `wait_signal` sees them; ignores SIGPIPE. Before the first thread.
void block_signals();

/// The next of the blocked signals, or nullopt when the time is over.
std::optional<int> wait_signal(Milliseconds timeout);

/// Limits a graceful stop: a second SIGTERM or SIGINT, or the deadline, ends the process at once
/// with exit code 1. What was not finished is taken up again from Redis, as after a crash.
class StopWatchdog {
 public:
  explicit StopWatchdog(Milliseconds deadline);
  ~StopWatchdog();  ///< The stop was done in time.
  StopWatchdog(const StopWatchdog&) = delete;
  StopWatchdog& operator=(const StopWatchdog&) = delete;

 private:
  std::thread thread_;
};

}  // namespace deskwire::cli
