#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

/// One non-blocking socket to a master Redis, logged in, with the parser of what comes back.
///
/// Thread safety: one thread.
class Connection {
 public:
  Connection(const Client::Options& options, Wakeup& wakeup);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Connects, logs in, selects the database, says our name and makes sure that Redis serves (not
  /// LOADING) and is a master. With sentinels it asks one after the other for the master, beginning
  /// with the one that knew it last, until an address really is one: during a failover some still
  /// name the old one. Each sentinel and each master gets the connect timeout. Resolving a host
  /// name may block for as long as the system's resolver does.
  ///
  /// @param stopping  Ends the wait early, together with a signal of the wake-up.
  /// @param hint      With sentinels: an address to try before they are asked.
  /// @errors kUnavailable (also: a replica answers there), kCorrupt, kTooLarge (no Redis there),
  ///         kInvalid (login refused), kNotFound (no sentinel knows the master), kCancelled.
  Status open(const std::atomic<bool>& stopping, const std::optional<Address>& hint = std::nullopt);
  void close();
  /// Whom open() reached: with sentinels the master that they named.
  const Address& address() const { return address_; }
  std::string peer() const;  ///< The same for logs, also of a Unix socket.

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
  /// What one step of opening may take, and what ends it early.
  struct Patience {
    MonotonicTime deadline;
    const std::atomic<bool>& stopping;
  };
  Patience patience(const std::atomic<bool>& stopping) const;
  Status open_through_sentinels(const std::atomic<bool>& stopping,
                                const std::optional<Address>& hint);
  Result<Address> ask_sentinel(const Address& sentinel, const Patience& patience);
  Status open_at(const Address& address, const Patience& patience);
  Status connect_unix(const std::string& path, const Patience& patience);
  Status connect_tcp(const Address& address, const Patience& patience);
  Status connect_to(int family, const void* address, unsigned length, const Patience& patience);
  Status log_in(const Patience& patience);
  /// Sends all commands at once and hands over the replies in order until one is not accepted.
  Status ask(const std::vector<Command>& commands, const Patience& patience,
             const std::function<Status(const std::string& verb, const Reply& reply)>& accept);

  const Client::Options& options_;
  Wakeup& wakeup_;
  ReplyReader reader_;
  int fd_ = -1;
  std::size_t first_sentinel_ = 0;  ///< Knew the master last.
  Address address_;
};

}  // namespace deskwire::redis
