#pragma once

#include <map>
#include <memory>
#include <string>

#include "cli/read_back.h"
#include "cli/sink_poster.h"
#include "config/config.h"
#include "core/channel_log.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "core/redis/redis_client.h"
#include "core/snapshot.h"
#include "jobs/job_store.h"
#include "publishers/oncall/notifier.h"
#include "publishers/oncall/on_call_desk.h"
#include "publishers/oncall/redis_on_call_store.h"
#include "worker/sla/calendar.h"

namespace deskwire::cli {

/// The objects that page people: part of the role `sla`.
///
/// Thread safety: start, reload and stop from one thread.
class OnCallRole {
 public:
  OnCallRole(const config::Config& config, redis::Client& client, ChannelLog& log,
             jobs::JobStore& jobs, const Clock& clock, Metrics& metrics);
  ~OnCallRole();  ///< Calls stop().
  OnCallRole(const OnCallRole&) = delete;
  OnCallRole& operator=(const OnCallRole&) = delete;

  void start();
  void stop();
  /// Other tokens for reading back, other policies and calendars. Sinks need a restart.
  void reload(const config::Config& config);
  publishers::OnCallDesk& desk() { return desk_; }

 private:
  publishers::OnCallDesk::Ports ports(ChannelLog& log, const Clock& clock, Metrics& metrics);

  const config::Sla sla_;
  Snapshot<const std::map<std::string, worker::Calendar>> calendars_;
  SinkPoster poster_;
  ConversationReadBack read_back_;
  std::map<std::string, std::unique_ptr<publishers::AlertSink>> sinks_;
  publishers::RedisOnCallStore store_;
  publishers::OnCallDesk desk_;
  publishers::OnCallNotifier notifier_;
};

}  // namespace deskwire::cli
