#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <thread>
#include <vector>

#include "core/clock.h"
#include "core/mutex.h"
#include "core/redis/redis_client.h"
#include "jobs/job.h"

namespace deskwire::cli {

/// The newest changes of jobs, numbered, for callers who come back for more. Follows them only
/// while somebody asks: the first question begins it, a minute without one ends it.
///
/// Thread safety: every method may be called concurrently; read does not wait for changes.
class TailFeed {
 public:
  struct Page {
    std::vector<jobs::Job> jobs;  ///< As they were when they changed, oldest change first.
    std::uint64_t next = 0;       ///< To be asked with next time.
    bool missed = false;          ///< Changes before these were not kept, or not seen.
  };

  TailFeed(redis::Client& client, redis::Client::Options connection);
  ~TailFeed();  ///< Calls stop().
  TailFeed(const TailFeed&) = delete;
  TailFeed& operator=(const TailFeed&) = delete;

  /// @param after  `next` of the page before; nullopt: from now on.
  Page read(std::optional<std::uint64_t> after) DW_EXCLUDES(mutex_);
  void stop() DW_EXCLUDES(mutex_);

 private:
  struct Change {
    std::uint64_t number = 0;
    jobs::Job job;
  };
  void follow() DW_EXCLUDES(mutex_);
  bool wanted() DW_EXCLUDES(mutex_);

  redis::Client& client_;
  const redis::Client::Options connection_;
  Mutex mutex_;
  std::deque<Change> changes_ DW_GUARDED_BY(mutex_);
  std::uint64_t newest_ DW_GUARDED_BY(mutex_) = 0;
  std::uint64_t gap_ DW_GUARDED_BY(mutex_) = 0;  ///< Changes up to this one are incomplete.
  MonotonicTime asked_ DW_GUARDED_BY(mutex_){};
  bool following_ DW_GUARDED_BY(mutex_) = false;
  bool stopped_ DW_GUARDED_BY(mutex_) = false;
  std::thread thread_ DW_GUARDED_BY(mutex_);
};

}  // namespace deskwire::cli
