#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace deskwire::testing {

/// The wall clock of a redis-server that was started with this environment: it stands still until a
/// test moves it, forward or back. So leases, timers and retention can be tried without waiting,
/// and two stores can be given exactly the same time.
class RedisTime {
 public:
  explicit RedisTime(std::int64_t wall_ms);
  ~RedisTime();
  RedisTime(const RedisTime&) = delete;
  RedisTime& operator=(const RedisTime&) = delete;

  /// For RedisServer: "NAME=value" each.
  std::vector<std::string> environment() const;
  void set_wall_ms(std::int64_t wall_ms);

 private:
  std::string path_;
  void* shared_ = nullptr;
};

}  // namespace deskwire::testing
