#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <unordered_map>

#include "config/config.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "core/mutex.h"
#include "publishers/token_bucket.h"

namespace deskwire::publishers {

/// How many sessions this process has: in all, by address and by client; and how fast an address
/// opens new ones. Answers that stay open (event streams, long polls) count among them, but not
/// against the rate: who polls comes back all the time. Thread-safe.
class SessionCounts {
 public:
  SessionCounts(const config::Gateway& settings, Metrics& metrics);

  /// False, and not counted, when a limit is reached. A refused attempt counts against the rate.
  bool admit(const std::string& address, MonotonicTime now);
  void release(const std::string& address);
  /// The same for the client, once it is known.
  bool admit_client(const std::string& client_id);
  void release_client(const std::string& client_id);
  /// Room for an answer that stays open, given back when the last holder lets it go, which must be
  /// before this object is gone; null when a limit is reached.
  /// @param client_id  Empty: none.
  std::shared_ptr<void> seat(const std::string& address, const std::string& client_id,
                             MonotonicTime now);
  std::size_t total();

 private:
  struct Address {
    std::size_t sessions = 0;
    TokenBucket connects;
  };
  Address& known(const std::string& address, MonotonicTime now) DW_REQUIRES(mutex_);
  bool has_room(const Address& here) const DW_REQUIRES(mutex_);
  void forget_idle(MonotonicTime now) DW_REQUIRES(mutex_);
  void leave(const std::string& address);

  const config::Gateway& settings_;
  Metrics::Gauge& gauge_;
  Mutex mutex_;
  std::size_t total_ DW_GUARDED_BY(mutex_) = 0;
  std::size_t seats_ DW_GUARDED_BY(mutex_) = 0;
  std::unordered_map<std::string, Address> by_address_ DW_GUARDED_BY(mutex_);
  std::size_t forget_at_ DW_GUARDED_BY(mutex_);  ///< Addresses known until idle ones are dropped.
  std::unordered_map<std::string, std::size_t> by_client_ DW_GUARDED_BY(mutex_);
};

}  // namespace deskwire::publishers
