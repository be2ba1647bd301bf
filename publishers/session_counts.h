#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>

#include "config/config.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "core/mutex.h"
#include "publishers/token_bucket.h"

namespace deskwire::publishers {

/// How many sessions this process has: in all, by address and by client; and how fast an address
/// opens new ones. Thread-safe.
class SessionCounts {
 public:
  SessionCounts(const config::Gateway& settings, Metrics& metrics);

  /// False, and not counted, when a limit is reached. A refused attempt counts against the rate.
  bool admit(const std::string& address, MonotonicTime now);
  void release(const std::string& address);
  /// The same for the client, once it is known.
  bool admit_client(const std::string& client_id);
  void release_client(const std::string& client_id);
  std::size_t total();

 private:
  struct Address {
    std::size_t sessions = 0;
    TokenBucket connects;
  };
  void forget_idle(MonotonicTime now) DW_REQUIRES(mutex_);

  const config::Gateway& settings_;
  Metrics::Gauge& gauge_;
  Mutex mutex_;
  std::size_t total_ DW_GUARDED_BY(mutex_) = 0;
  std::unordered_map<std::string, Address> by_address_ DW_GUARDED_BY(mutex_);
  std::size_t forget_at_ DW_GUARDED_BY(mutex_);  ///< Addresses known until idle ones are dropped.
  std::unordered_map<std::string, std::size_t> by_client_ DW_GUARDED_BY(mutex_);
};

}  // namespace deskwire::publishers
