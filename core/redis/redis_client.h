#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/redis/redis_reply.h"
#include "core/redis/redis_url.h"
#include "core/redis/script.h"
#include "core/result.h"

namespace deskwire::redis {

using Command = std::vector<std::string>;
using ReplyCallback = std::function<void(Result<Reply>)>;

/// One pipelined connection that a whole process shares. What all threads ask at the same time
/// leaves in one write; replies come back in order. The connection thread ("redis") owns the
/// socket; it reconnects with backoff and full jitter by itself.
///
/// Errors of every call:
///   kUnavailable  not connected, or the connection broke: the effect of a sent command is unknown,
///                 so commands must be safe to repeat. LOADING, READONLY, MASTERDOWN, CLUSTERDOWN,
///                 TRYAGAIN, UNBLOCKED and NOREPLICAS answers are mapped here too, and too few
///                 replicas (wait_replicas): the effect is there, but may be lost with the master.
///   kTimeout      no reply within the request timeout; the effect is unknown. The connection is
///                 dropped, since only that tells a half-open one from a slow one: what else was
///                 under way ends with kUnavailable.
///   kFull         OOM, MISCONF or BUSY: Redis takes no more for now, and did nothing.
///   kCorrupt      bytes that are no RESP (the connection is dropped), or WRONGTYPE, or FOREIGN,
///                 which our scripts answer when they name the key that is in the way.
///   kTooLarge     more than max_queued_bytes wait already, or the reply is longer than
///                 max_reply_bytes (the connection is dropped).
///   kInvalid      any other error reply, with its text.
///
/// READONLY and its like say that this is not, or no longer, the server to write to. The connection
/// is then made again, which with sentinels finds the new master. A script that was so refused had
/// no effect: it is sent once more over the new connection, unless its request timeout passes
/// before; a plain command ends with kUnavailable.
///
/// With wait_replicas every write that leaves carries one WAIT for all that is in it, and the
/// replies of its commands count when enough replicas confirmed. Other writes of the connection
/// queue behind that WAIT, so such a client is one beside the ordinary one.
///
/// Nothing is queued while there is no connection: the call fails at once, and its callback runs on
/// the calling thread, within submit(). Otherwise callbacks run on the connection thread, in the
/// order of submission (but for a script that Redis forgot or that was refused), and must not
/// block or call the blocking methods. After stop() every call answers kCancelled.
///
/// Thread safety: every method may be called concurrently.
class Client {
 public:
  struct Options {
    Endpoint endpoint;
    Milliseconds connect_timeout{1000};
    Milliseconds request_timeout{2000};
    std::size_t max_queued_bytes = 64U << 20U;  ///< Of commands not yet answered.
    std::size_t max_reply_bytes = 64U << 20U;
    std::string name = "deskwire";  ///< CLIENT SETNAME.
    /// Replicas that must have a write before its reply counts; 0: it counts at once.
    int wait_replicas = 0;
    Milliseconds wait_timeout{100};  ///< How long they may take.
    /// A refusal (READONLY, …) does not make a connection younger than this be left: where all
    /// servers refuse, reads go on meanwhile.
    Milliseconds min_connection_age{5000};
  };

  explicit Client(Options options);
  ~Client();  ///< Calls stop().
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Starts the connection thread; does not wait for a connection. Twice is fine.
  void start();
  /// Fails what waits with kCancelled and joins the thread. Twice, unstarted: fine.
  void stop();
  /// Blocks until connected or the time is over. False: not connected.
  bool wait_connected(Milliseconds timeout);
  bool connected() const;

  void submit(Command command, ReplyCallback callback);
  void submit(const Script& script, std::vector<std::string> keys, std::vector<std::string> args,
              ReplyCallback callback);

  /// Blocking forms: one round trip.
  Result<Reply> call(Command command);
  Result<Reply> run(const Script& script, std::vector<std::string> keys,
                    std::vector<std::string> args);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace deskwire::redis
