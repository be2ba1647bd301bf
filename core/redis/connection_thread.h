#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "core/mutex.h"
#include "core/redis/connection.h"
#include "core/redis/master_watch.h"
#include "core/redis/redis_client.h"

namespace deskwire::redis {

/// A thread that keeps one connection: it connects, lets `serve` work with it, and begins again,
/// with backoff and full jitter, until it is stopped.
///
/// Thread safety: start and stop from any thread, any number of times; not from `serve`.
class ConnectionThread {
 public:
  /// Works until the connection breaks or reason_to_end() says so; says why it ended.
  using Serve = std::function<Error(Connection&)>;

  /// @param name  Of the thread, and `connection=` in log lines.
  /// @param away  Called on the thread after each failed attempt to connect, and at its end.
  ConnectionThread(
      const Client::Options& options, std::string name, Serve serve,
      std::function<void()> away = [] {});
  ~ConnectionThread();
  ConnectionThread(const ConnectionThread&) = delete;
  ConnectionThread& operator=(const ConnectionThread&) = delete;

  /// After stop() it does nothing.
  void start();
  void stop();
  bool stopping() const { return stopping_.load(); }
  /// Set: serve is to return. kCancelled: for good. kUnavailable: the sentinels named another
  /// master; a wake-up comes with it.
  std::optional<Error> reason_to_end() const;
  bool started() const { return started_.load(); }
  Wakeup& wakeup() { return wakeup_; }

 private:
  void run();
  void pause_before_retry(int failures);

  const Client::Options& options_;
  const std::string name_;
  const Serve serve_;
  const std::function<void()> away_;
  Wakeup wakeup_;
  std::unique_ptr<MasterWatch> watch_;  ///< Only with sentinels.
  std::atomic<bool> started_{false};
  std::atomic<bool> stopping_{false};
  Mutex lifecycle_mutex_;
  std::thread thread_ DW_GUARDED_BY(lifecycle_mutex_);
};

}  // namespace deskwire::redis
