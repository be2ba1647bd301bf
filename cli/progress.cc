#include "cli/progress.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <thread>

#include "cli/time_text.h"

namespace deskwire::cli {
namespace {

constexpr std::size_t kWorthShowing = 20;
constexpr std::size_t kBarWidth = 30;
constexpr std::chrono::milliseconds kBetween{100};

Milliseconds since(MonotonicTime begun) {
  return std::chrono::duration_cast<Milliseconds>(SystemClock().monotonic() - begun);
}

}  // namespace

std::string progress_line(std::size_t done, std::size_t total, Milliseconds elapsed) {
  const std::size_t filled = total == 0 ? kBarWidth : std::min(done, total) * kBarWidth / total;
  std::string line = "[" + std::string(filled, '#') + std::string(kBarWidth - filled, '-') + "] " +
                     std::to_string(done) + " of " + std::to_string(total);
  if (done == 0 || elapsed.count() < 1000) return line;
  const std::size_t left = total - std::min(done, total);
  const auto left_ms =
      static_cast<std::int64_t>(left) * elapsed.count() / static_cast<std::int64_t>(done);
  return line + ", " + std::to_string(static_cast<std::int64_t>(done) * 1000 / elapsed.count()) +
         "/s, " + spoken(left_ms) + " left";
}

Progress::Progress(std::size_t total)
    : total_(total),
      shown_(total >= kWorthShowing && ::isatty(STDERR_FILENO) != 0),
      begun_(SystemClock().monotonic()) {}

Progress::~Progress() {
  if (shown_) std::cerr << "\r\033[K" << std::flush;
}

void Progress::show(std::size_t done) {
  if (!shown_) return;
  const MonotonicTime now = SystemClock().monotonic();
  if (now - last_shown_ < kBetween) return;
  last_shown_ = now;
  std::cerr << '\r' << progress_line(done, total_, since(begun_)) << "\033[K" << std::flush;
}

Pace::Pace(std::size_t per_second) : per_second_(per_second), begun_(SystemClock().monotonic()) {}

void Pace::wait() {
  if (per_second_ == 0) return;
  const auto due = std::chrono::microseconds(static_cast<std::int64_t>(gone_++) * 1'000'000 /
                                             static_cast<std::int64_t>(per_second_));
  const auto elapsed = SystemClock().monotonic() - begun_;
  if (due > elapsed) std::this_thread::sleep_for(due - elapsed);
}

}  // namespace deskwire::cli
