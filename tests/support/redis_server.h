#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "core/redis/redis_client.h"
#include "core/redis/redis_url.h"

namespace deskwire::testing {

/// Starts the program that $DESKWIRE_REDIS_SERVER names (redis-server; valkey-server does as well)
/// with these arguments. It dies with the thread that started it. Aborts when it cannot fork.
/// @param environment  "NAME=value" each, besides this process's own.
pid_t spawn_redis_server(std::vector<std::string> args, std::vector<std::string> environment = {});

/// A private redis-server on a Unix socket in a directory of its own; no port, so no race for one.
/// It keeps nothing on disk unless `extra_args` say so ("--appendonly", "yes").
///
/// Aborts the test binary with a message when redis-server cannot be started.
///
/// Thread safety: one thread.
class RedisServer {
 public:
  /// @param environment  "NAME=value" each, besides this process's own.
  explicit RedisServer(std::vector<std::string> extra_args = {},
                       std::vector<std::string> environment = {});
  ~RedisServer();  ///< Kills the server and removes its directory.
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  redis::Endpoint endpoint() const;
  /// Client options for this server; what a test changes it changes afterwards.
  redis::Client::Options options() const;
  const std::string& socket_path() const { return socket_path_; }
  const std::string& directory() const { return directory_; }

  void stop();     ///< SIGTERM, waits for the end.
  void kill();     ///< SIGKILL, waits for the end.
  void restart();  ///< Ends it if it still runs, starts it in the same directory, waits for PING.
  void pause();    ///< SIGSTOP: connections stay open and nothing answers.
  void resume();   ///< SIGCONT.
  bool running() const { return pid_ > 0; }

 private:
  void start();
  void end_with(int signal);

  std::vector<std::string> extra_args_;
  std::vector<std::string> environment_;
  std::string directory_;
  std::string socket_path_;
  pid_t pid_ = -1;
};

}  // namespace deskwire::testing
