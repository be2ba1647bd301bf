#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "core/redis/redis_client.h"
#include "tests/support/redis_server.h"

namespace deskwire::testing {

/// A master, a replica of it and three sentinels on free loopback ports, as operators run them. The
/// constructor waits until the replica follows and the sentinels agree. They miss a master after 2
/// s: since they ask each second, less would make them see ghosts on a loaded machine.
///
/// Thread safety: one thread.
class RedisFailoverSet {
 public:
  static constexpr const char* kMasterName = "main";

  /// @param sentinel_password  The sentinels ask for it; empty: they do not.
  explicit RedisFailoverSet(const std::string& sentinel_password = "");
  ~RedisFailoverSet();
  RedisFailoverSet(const RedisFailoverSet&) = delete;
  RedisFailoverSet& operator=(const RedisFailoverSet&) = delete;

  /// Options that find the master through the sentinels.
  redis::Client::Options options() const;
  redis::Address sentinel(std::size_t index) const { return {"127.0.0.1", ports_.at(index)}; }
  std::uint16_t first_port() const { return first_port_; }
  std::uint16_t second_port() const { return second_port_; }
  RedisServer& first() { return *first_; }    ///< The master until a failover.
  RedisServer& second() { return *second_; }  ///< Its replica.

  /// Asks a sentinel to make the replica the master; does not wait for it.
  void begin_failover();
  /// Waits until every sentinel names this port.
  void await_master(std::uint16_t port) const;

 private:
  redis::Reply ask_sentinel(std::size_t index, redis::Command command) const;

  static constexpr std::size_t kSentinels = 3;

  std::string sentinel_password_;
  std::string directory_;
  std::uint16_t first_port_ = 0;
  std::uint16_t second_port_ = 0;
  std::array<std::uint16_t, kSentinels> ports_{};
  std::array<pid_t, kSentinels> sentinels_{};
  std::unique_ptr<RedisServer> first_;
  std::unique_ptr<RedisServer> second_;
};

}  // namespace deskwire::testing
