#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <string_view>
#include <thread>

#include "core/redis/redis_client.h"

namespace deskwire::testing {

/// A peer on a Unix socket that answers what a test tells it to, for what no real Redis says.
/// It serves one connection at a time.
class FakeRedis {
 public:
  /// @param connection  Counts from 1.
  /// @param received    What one read brought.
  /// @return What to send back, possibly nothing.
  using Answer = std::function<std::string(int connection, std::string_view received)>;

  explicit FakeRedis(Answer answer);
  ~FakeRedis();
  FakeRedis(const FakeRedis&) = delete;
  FakeRedis& operator=(const FakeRedis&) = delete;

  redis::Client::Options options() const;

  /// The right answer to the client's login; empty when `received` is something else.
  static std::string login_answer(std::string_view received);

 private:
  void run();
  void serve(int fd, int connection);

  const Answer answer_;
  std::string directory_;
  int listener_ = -1;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace deskwire::testing
