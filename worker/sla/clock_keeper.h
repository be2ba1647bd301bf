#pragma once

#include <memory>

#include "core/channel_log.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "core/redis/redis_client.h"
#include "worker/sla/policy_book.h"

namespace deskwire::worker {

/// Keeps the SLA clocks of all conversations: looks at a conversation when a fact came or when
/// something is due, tells what nobody told yet, and arms the next timer (docs/sla.md, "Timers").
/// Any number of processes may do so; there is no leader.
///
/// Threads: "sla" (looks), "clockbell" (the doorbells), "sla-restore" (missing timers, at the start
/// and every few minutes). Idle, it asks every shard once in two seconds.
///
/// Thread safety: start and stop from one thread; set_book from any. The client must be stopped
/// before the channel log is destroyed.
class ClockKeeper {
 public:
  struct Options {
    redis::Client::Options bell;
    ChannelLogLimits log;
  };
  ClockKeeper(redis::Client& client, ChannelLog& log, Options options,
              std::shared_ptr<const PolicyBook> book, const Clock& clock, Metrics& metrics);
  ~ClockKeeper();  ///< Calls stop().
  ClockKeeper(const ClockKeeper&) = delete;
  ClockKeeper& operator=(const ClockKeeper&) = delete;

  void start();
  void stop();  ///< Twice, unstarted: fine.
  /// From now on these policies; every open clock is looked at anew.
  void set_book(std::shared_ptr<const PolicyBook> book);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace deskwire::worker
