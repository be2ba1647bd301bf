#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/redis/redis_url.h"
#include "core/result.h"

namespace deskwire::cli {

/// Where the embedded Redis of a data_dir listens.
/// @errors kInvalid: the path is too long for a Unix socket.
Result<redis::Endpoint> embedded_redis_endpoint(const std::string& data_dir);

/// The command line of the embedded Redis: no TCP port, every write on disk before it is answered,
/// nothing is ever evicted.
std::vector<std::string> embedded_redis_arguments(const std::string& data_dir);

/// A private redis-server as child process.
///
/// It dies with this process, however that ends (PR_SET_PDEATHSIG, which follows the *thread* that
/// forks: start and supervise belong to the main thread). One that lives on all the same is
/// adopted by the next start, when INFO and CONFIG say that it is the one of this directory: two
/// servers would ruin one append-only file.
///
/// Its files are for their owner only, whatever the umask and the mode of data_dir; those that an
/// earlier start has left to others are taken back.
///
/// Thread safety: main thread only, except pid().
class EmbeddedRedis {
 public:
  /// @param data_dir  Absolute and locked by the caller (DataDir).
  explicit EmbeddedRedis(std::string data_dir);
  ~EmbeddedRedis();  ///< Calls stop().
  EmbeddedRedis(const EmbeddedRedis&) = delete;
  EmbeddedRedis& operator=(const EmbeddedRedis&) = delete;

  /// Adopts or starts the server and waits until it answers, or, while it still loads a large
  /// file, ten seconds at most.
  /// @errors kNotFound: no redis-server is installed. kConflict: an earlier one still runs there
  ///         and does not answer. kUnavailable: it ended at once (message with its last words).
  Status start();

  /// To be called on SIGCHLD and every second: notices the server's death and starts another one,
  /// after a delay that doubles up to five seconds while it keeps dying.
  void supervise();

  /// Asks it to end, and SIGKILL after `grace`. Twice, unstarted: fine.
  void stop(Milliseconds grace = Milliseconds(10000));

  int pid() const { return pid_; }
  bool adopted() const { return adopted_; }

 private:
  Status spawn();
  Result<bool> adopt();
  Status wait_for_predecessor();
  Status wait_until_it_answers();
  bool alive();
  std::string last_words() const;

  const std::string data_dir_;
  int pid_ = -1;
  bool adopted_ = false;
  bool running_ = false;  ///< Between start and stop.
  int deaths_ = 0;        ///< In a row, without a minute of life between them.
  MonotonicTime born_;
  MonotonicTime retry_at_;
};

}  // namespace deskwire::cli
