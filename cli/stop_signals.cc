#include "cli/stop_signals.h"

#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <ctime>

#include "core/log.h"

namespace deskwire::cli {
namespace {

/// Tells the watchdog's thread that it is not needed any more.
constexpr int kDismiss = SIGUSR1;

sigset_t set_of(std::initializer_list<int> signals) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : signals) ::sigaddset(&set, signal);
  return set;
}

timespec time_of(Milliseconds duration) {
  timespec time{};
  time.tv_sec = static_cast<std::time_t>(duration.count() / 1000);
  time.tv_nsec = static_cast<long>(duration.count() % 1000) * 1000000;
  return time;
}

}  // namespace

void block_signals() {
  const sigset_t set = set_of({SIGTERM, SIGINT, SIGHUP, SIGCHLD, kDismiss});
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

std::optional<int> wait_signal(Milliseconds timeout) {
  const sigset_t set = set_of({SIGTERM, SIGINT, SIGHUP, SIGCHLD});
  const timespec time = time_of(timeout);
  const int signal = ::sigtimedwait(&set, nullptr, &time);
  return signal > 0 ? std::optional<int>(signal) : std::nullopt;
}

StopWatchdog::StopWatchdog(Milliseconds deadline)
    : thread_([deadline] {
        log::name_thread("stop");
        const sigset_t set = set_of({SIGTERM, SIGINT, kDismiss});
        const MonotonicTime end = std::chrono::steady_clock::now() + deadline;
        int signal = -1;
        while (signal < 0) {
          const auto left =
              std::chrono::duration_cast<Milliseconds>(end - std::chrono::steady_clock::now());
          if (left <= Milliseconds(0)) break;
          const timespec time = time_of(left);
          signal = ::sigtimedwait(&set, nullptr, &time);
        }
        if (signal == kDismiss) return;
        log::error("stop_forced", {{"reason", signal < 0 ? "deadline" : "second signal"}});
        ::_exit(1);
      }) {}

StopWatchdog::~StopWatchdog() {
  ::pthread_kill(thread_.native_handle(), kDismiss);
  thread_.join();
}

}  // namespace deskwire::cli
