#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/channel_log.h"
#include "core/metrics.h"
#include "core/mutex.h"
#include "publishers/oncall/on_call_desk.h"

namespace deskwire::publishers {

/// Threads around an OnCallDesk: one follows the logs of `oncall` and `ops` from the position in
/// the store, a few do what is due. Any number of processes may run one.
///
/// Thread safety: start and stop from one thread.
class OnCallNotifier {
 public:
  /// @param lease  Longest time that one task may take, its sink's timeout included.
  OnCallNotifier(ChannelLog& log, OnCallStore& store, OnCallDesk& desk, Milliseconds lease,
                 Metrics& metrics);
  ~OnCallNotifier();  ///< Calls stop().
  OnCallNotifier(const OnCallNotifier&) = delete;
  OnCallNotifier& operator=(const OnCallNotifier&) = delete;

  void start();
  /// What is being sent is finished first. Twice, unstarted: fine.
  void stop();

 private:
  void follow();
  void work();
  /// True when there may be more at once.
  bool read(const std::string& channel);
  bool take(const std::string& channel, const LogPosition& from, const ChannelLogPage& page);
  Result<ChannelLogPage> page_after(const std::string& channel, const LogPosition& from);
  /// False: stopping.
  bool rest() DW_EXCLUDES(mutex_);

  ChannelLog& log_;
  OnCallStore& store_;
  OnCallDesk& desk_;
  const Milliseconds lease_;
  Metrics::Gauge& alive_;
  Metrics::Counter& lost_;
  std::atomic<std::int64_t> now_ms_{0};  ///< Of the store.
  Mutex mutex_;
  CondVar wake_;
  bool stopping_ DW_GUARDED_BY(mutex_) = true;
  std::vector<std::thread> threads_;
};

}  // namespace deskwire::publishers
