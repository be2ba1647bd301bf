#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/redis/redis_reply.h"
#include "core/redis/redis_url.h"
#include "core/result.h"

namespace deskwire::redis {

using Command = std::vector<std::string>;
using ReplyCallback = std::function<void(Result<Reply>)>;

/// A Lua script: its text and SHA-1, made once; copies share them. Sent by EVALSHA; NOSCRIPT loads
/// it and repeats.
class Script {
 public:
  /// @param name  For errors and logs ("enqueue.lua").
  Script(std::string name, std::string text);
  /// @param prefixes  Functions shared by several scripts; they go right after the first line,
  ///                  which is the shebang (`#!lua …`) and must stay the first.
  Script(std::string name, std::initializer_list<std::string_view> prefixes, std::string_view text);
  const std::string& name() const { return body_->name; }
  const std::string& text() const { return body_->text; }
  const std::string& sha() const { return body_->sha; }

 private:
  friend class Client;
  struct Body {
    std::string name;
    std::string text;
    std::string sha;
  };
  std::shared_ptr<const Body> body_;
};

/// One pipelined connection that a whole process shares. What all threads ask at the same time
/// leaves in one write; replies come back in order. The connection thread ("redis") owns the
/// socket; it reconnects with backoff and full jitter by itself.
///
/// Errors of every call:
///   kUnavailable  not connected, or the connection broke: the effect of a sent command is unknown,
///                 so commands must be safe to repeat. LOADING, READONLY, MASTERDOWN, CLUSTERDOWN,
///                 TRYAGAIN, UNBLOCKED, NOREPLICAS and BUSY answers are mapped here too.
///   kTimeout      no reply within the request timeout; the effect is unknown. The connection is
///                 dropped, since only that tells a half-open one from a slow one: what else was
///                 under way ends with kUnavailable.
///   kFull         OOM or MISCONF: Redis refuses writes.
///   kCorrupt      bytes that are no RESP (the connection is dropped), or WRONGTYPE.
///   kTooLarge     more than max_queued_bytes wait already, or the reply is longer than
///                 max_reply_bytes (the connection is dropped).
///   kInvalid      any other error reply, with its text.
///
/// Nothing is queued while there is no connection: the call fails at once, and its callback runs on
/// the calling thread, within submit(). Otherwise callbacks run on the connection thread, in the
/// order of submission (but for a script that Redis did not know), and must not block or call the
/// blocking methods. After stop() every call answers kCancelled.
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
