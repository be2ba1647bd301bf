#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/mutex.h"

namespace deskwire::testing {

/// Collects what happens on other threads, so that a test waits for an event and never for time.
///
///   EventProbe<std::string> rings;
///   BellListener bell(options, {"b"}, [&](std::string_view key) { rings.push(std::string(key));
///   }); REQUIRE(rings.wait_for([](const std::string& key) { return key == "b"; }));
///
/// Thread safety: every method may be called concurrently.
template <typename T>
class EventProbe {
 public:
  /// Long enough for a loaded machine under a sanitizer; a passing test never waits for it.
  static constexpr Milliseconds kPatience{20000};

  void push(T event) {
    const MutexLock lock(mutex_);
    events_.push_back(std::move(event));
    changed_.notify_all();
  }

  /// Takes the oldest event that fits, waiting for it if need be; the others stay.
  /// @return nullopt when the time is over.
  template <typename Predicate>
  std::optional<T> wait_for(Predicate fits, Milliseconds timeout = kPatience) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    const MutexLock lock(mutex_);
    for (;;) {
      for (auto it = events_.begin(); it != events_.end(); ++it) {
        if (fits(std::as_const(*it))) {
          T found = std::move(*it);
          events_.erase(it);
          return found;
        }
      }
      if (std::chrono::steady_clock::now() >= deadline) return std::nullopt;
      changed_.wait_until(mutex_, deadline);
    }
  }

  /// Takes the oldest event, whatever it is.
  std::optional<T> next(Milliseconds timeout = kPatience) {
    return wait_for([](const T&) { return true; }, timeout);
  }

  /// Waits until `count` events lie here and takes them; fewer when the time is over.
  std::vector<T> take(std::size_t count, Milliseconds timeout = kPatience) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    const MutexLock lock(mutex_);
    while (events_.size() < count && std::chrono::steady_clock::now() < deadline) {
      changed_.wait_until(mutex_, deadline);
    }
    std::vector<T> taken;
    while (!events_.empty() && taken.size() < count) {
      taken.push_back(std::move(events_.front()));
      events_.pop_front();
    }
    return taken;
  }

  /// How many events wait to be taken.
  std::size_t size() {
    const MutexLock lock(mutex_);
    return events_.size();
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::deque<T> events_ DW_GUARDED_BY(mutex_);
};

}  // namespace deskwire::testing
