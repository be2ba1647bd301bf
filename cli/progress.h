#pragma once

#include <cstddef>
#include <string>

#include "core/clock.h"

namespace deskwire::cli {

/// "[#######-------] 1200 of 4000, 98/s, 29 s left". Pure.
std::string progress_line(std::size_t done, std::size_t total, Milliseconds elapsed);

/// That line on a terminal's standard error, some times a second, and gone in the end. Nothing
/// where there is no terminal, or too little to do.
///
/// Thread safety: one thread.
class Progress {
 public:
  explicit Progress(std::size_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(std::size_t done);

 private:
  const std::size_t total_;
  const bool shown_;
  const MonotonicTime begun_;
  MonotonicTime last_shown_{};
};

/// Keeps a loop at a rate, evenly.
///
/// Thread safety: one thread.
class Pace {
 public:
  /// @param per_second  0: no limit.
  explicit Pace(std::size_t per_second);
  /// Sleeps until the next one may go.
  void wait();

 private:
  const std::size_t per_second_;
  const MonotonicTime begun_;
  std::size_t gone_ = 0;
};

}  // namespace deskwire::cli
