#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "core/mutex.h"
#include "core/redis/connection.h"
#include "core/redis/redis_client.h"

namespace deskwire::redis {

/// Listens to one sentinel after the other while a connection is in use, and says when they name
/// another master than the one that it leads to. In a planned failover a replaced master goes on
/// taking writes, all of them lost, for the ten seconds that the sentinels take to demote it;
/// nothing on that connection tells.
///
/// Thread safety: every method may be called concurrently.
class MasterWatch {
 public:
  /// @param on_moved  Called on the thread of the watch, each time that moved() turns true.
  MasterWatch(const Client::Options& options, std::function<void()> on_moved);
  ~MasterWatch();
  MasterWatch(const MasterWatch&) = delete;
  MasterWatch& operator=(const MasterWatch&) = delete;

  void start();
  /// For good. Twice, unstarted: fine.
  void stop();

  /// The connection leads there now; moved() is false until there is news.
  void follow(const Address& master);
  bool moved() const { return moved_.load(); }
  /// Whom the sentinel in use names; nullopt while there is none.
  std::optional<Address> named() const;

 private:
  void run();
  Error listen(Connection& sentinel);
  Status take(const Reply& reply);
  void learn(Address master, bool is_news);
  void check();
  MonotonicTime next_check(MonotonicTime otherwise) const;

  const Client::Options& options_;
  const std::function<void()> on_moved_;
  Wakeup wakeup_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> moved_{false};

  mutable Mutex mutex_;
  std::optional<Address> named_ DW_GUARDED_BY(mutex_);
  bool is_news_ DW_GUARDED_BY(mutex_) = false;  ///< And not what a sentinel says when asked.
  std::optional<Address> followed_ DW_GUARDED_BY(mutex_);
  MonotonicTime followed_since_ DW_GUARDED_BY(mutex_);

  Mutex lifecycle_mutex_;
  std::thread thread_ DW_GUARDED_BY(lifecycle_mutex_);
};

}  // namespace deskwire::redis
