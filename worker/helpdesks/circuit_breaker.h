#pragma once

#include <optional>

#include "core/clock.h"
#include "core/mutex.h"

namespace deskwire::worker {

/// Holds work back from a helpdesk that is down, so that jobs wait without consuming attempts and
/// the helpdesk is not hammered when it comes back. Opens after `failures_to_open` failures in a
/// row; while open one call per `open_for` goes through as a trial; a success closes it.
///
/// Thread safety: every method may be called concurrently.
class CircuitBreaker {
 public:
  struct Options {
    int failures_to_open = 5;
    Milliseconds open_for{5000};
  };
  CircuitBreaker(const Clock& clock, Options options) : clock_(clock), options_(options) {}
  explicit CircuitBreaker(const Clock& clock) : CircuitBreaker(clock, Options{}) {}

  /// How long to hold back; nullopt: no reason to. Does not take the trial.
  std::optional<Milliseconds> held() const;
  /// As held(), but the call that may go while it is open counts as the trial: ask just before
  /// the call. A trial that never reports only costs `open_for`.
  std::optional<Milliseconds> admit();
  void succeeded();
  void failed();
  bool open() const;

 private:
  std::optional<Milliseconds> hold_locked() const DW_REQUIRES(mutex_);

  const Clock& clock_;
  const Options options_;
  mutable Mutex mutex_;
  int failures_ DW_GUARDED_BY(mutex_) = 0;
  MonotonicTime next_trial_ DW_GUARDED_BY(mutex_);
};

}  // namespace deskwire::worker
