#pragma once

#include <thread>

#include "config/config.h"
#include "core/channel_log.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "core/mutex.h"
#include "core/redis/redis_client.h"
#include "jobs/job_store.h"
#include "publishers/oncall/alert_watch.h"
#include "publishers/oncall/redis_on_call_store.h"
#include "publishers/oncall/self_readings.h"

namespace deskwire::cli {

/// Looks at the process's own metrics every few seconds, whatever its roles, and publishes alerts
/// about Deskwire itself (config sla.alerts).
///
/// Thread safety: start and stop from one thread.
class SelfWatch {
 public:
  SelfWatch(const config::Config& config, redis::Client& client, ChannelLog& log,
            jobs::JobStore& jobs, const Clock& clock, Metrics& metrics);
  ~SelfWatch();  ///< Calls stop().
  SelfWatch(const SelfWatch&) = delete;
  SelfWatch& operator=(const SelfWatch&) = delete;

  void start();
  void stop();

 private:
  void run() DW_EXCLUDES(mutex_);
  void observe_tokens(std::int64_t now_ms);

  redis::Client& client_;
  jobs::JobStore& jobs_;
  const bool watches_dead_;
  const Clock& clock_;
  Metrics& metrics_;
  publishers::RedisOnCallStore store_;
  publishers::AlertWatch watch_;
  publishers::SelfReadings readings_;
  Mutex mutex_;
  CondVar wake_;
  bool stopping_ DW_GUARDED_BY(mutex_) = true;
  std::thread thread_;
};

}  // namespace deskwire::cli
