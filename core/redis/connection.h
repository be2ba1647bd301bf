#pragma once

#include <atomic>
#include <cstddef>
#include <optional>
#include <string_view>

#include "core/clock.h"
#include "core/redis/redis_client.h"
#include "core/redis/reply_reader.h"
#include "core/result.h"

namespace deskwire::redis {

/// Lets any thread end a connection thread's poll().
///
/// Thread safety: signal from any thread; clear and fd from the connection thread.
class Wakeup {
 public:
  Wakeup();
  ~Wakeup();
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  void signal();
  void clear();
  int fd() const { return fd_; }

 private:
  int fd_;
};

/// One non-blocking socket to Redis, logged in, with the parser of what comes back.
///
/// Thread safety: one thread.
class Connection {
 public:
  Connection(const Client::Options& options, Wakeup& wakeup);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Connects, logs in, selects the database, says our name and waits until Redis serves (not
  /// LOADING). Resolving a host name may block for as long as the system's resolver does.
  ///
  /// @param stopping  Ends the wait early, together with a signal of the wake-up.
  /// @errors kUnavailable, kCorrupt, kTooLarge (no Redis there), kInvalid (login refused),
  ///         kCancelled.
  Status open(const std::atomic<bool>& stopping);
  void close();

  /// Sends what the socket takes now and removes it from the front of `bytes`.
  Status send(std::string_view& bytes);
  /// Most that one receive() reads.
  static constexpr std::size_t kPieceBytes = 16U << 10U;
  /// Reads one piece into the parser. @return Its size; 0: nothing was there.
  /// @errors kUnavailable: closed by Redis or broken.
  Result<std::size_t> receive();
  Result<std::optional<Reply>> next_reply() { return reader_.next(); }

  /// Blocks until bytes arrive, there is room to send (if asked), the wake-up was signalled (it is
  /// cleared then) or `deadline` passes. @return True: receive() has something to say.
  bool wait(bool until_writable, MonotonicTime deadline);

 private:
  Status connect_socket(MonotonicTime deadline, const std::atomic<bool>& stopping);
  Status connect_to(int family, const void* address, unsigned length, MonotonicTime deadline,
                    const std::atomic<bool>& stopping);
  Status log_in(MonotonicTime deadline, const std::atomic<bool>& stopping);

  const Client::Options& options_;
  Wakeup& wakeup_;
  ReplyReader reader_;
  int fd_ = -1;
};

}  // namespace deskwire::redis
