#pragma once

#include <cstdint>
#include <memory>

#include "config/config.h"
#include "core/channel_log.h"
#include "core/clock.h"
#include "core/redis/redis_client.h"

namespace deskwire::worker {

/// Warns when the first job in line waits too long: `sla:warning` and `sla:violation` on `ops` and
/// `oncall`, once an episode however many processes watch.
///
/// An episode begins when the wait passes the warning threshold (or at once the critical one). A
/// violation ends after 60 s below 0.8 × its threshold, and may then be raised anew; the episode
/// ends after 60 s below 0.8 × the warning threshold. The end is told as one `sla:met`, so that
/// whoever was called knows that it is over; its `severity` is the worst of the episode.
///
/// The state lies in Redis (`dw:{0}:queue_wait`, scripts/queue_wait.lua): a process that dies takes
/// nothing with it, and what it had not yet announced another one announces.
///
/// Data: `{v, type, threshold, actual, severity, metric:"queue_wait", queue:"jobs", episode,
/// event_id, alert_key, unit, hours, started_at, emitted_at, ack, replay, timestamp}`, as of the
/// conversations' clocks (docs/sla.md); threshold and actual in seconds (`sla:met`: the warning's
/// threshold and what was waited at the end).
///
/// Thread safety: observe may be called concurrently and does not block. The client must be stopped
/// before the channel log is destroyed; this object may go before or after.
class QueueWaitMonitor {
 public:
  QueueWaitMonitor(redis::Client& client, ChannelLog& log, config::QueueWait thresholds,
                   const Clock& clock);
  ~QueueWaitMonitor();
  QueueWaitMonitor(const QueueWaitMonitor&) = delete;
  QueueWaitMonitor& operator=(const QueueWaitMonitor&) = delete;

  /// After each round of beats (Dispatcher::Callbacks::on_round). Asks Redis only while there is
  /// something to watch, and every 30 s for what other processes began.
  void observe(Milliseconds queue_wait, std::int64_t server_now_ms);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace deskwire::worker
