// DESIGN
// Callers encode their command straight into one shared buffer (`out_`) and note what waits for the
// answer in `queued_`, both under one short lock. The connection thread swaps both away in one go,
// so that everything asked meanwhile leaves in one send(), and matches replies to `in_flight_` by
// order alone. It is woken (eventfd) only when it sleeps: under load nobody makes that system call.
// Deadlines are all alike, so the oldest request's is always the next one to pass.

#include "core/redis/redis_client.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <optional>
#include <utility>

#include "core/hash.h"
#include "core/mutex.h"
#include "core/redis/command.h"
#include "core/redis/connection.h"
#include "core/redis/connection_thread.h"
#include "core/redis/reply_error.h"

namespace deskwire::redis {
namespace {

/// Buffers that one burst made larger than this are given back.
constexpr std::size_t kKeptBufferBytes = 1U << 20U;

/// How long the thread may sleep when nothing is in flight; a wake-up ends it at any time.
constexpr std::chrono::hours kIdle{1};

MonotonicTime now() { return std::chrono::steady_clock::now(); }

/// Where a blocking call waits. One a thread and not on its stack: the connection thread may still
/// be inside notify_one() when the caller has gone on.
struct Waiter {
  std::atomic<int> done{0};
  std::optional<Result<Reply>> result;

  Result<Reply> wait() {
    done.wait(0, std::memory_order_acquire);
    done.store(0, std::memory_order_relaxed);
    Result<Reply> taken = std::move(*result);
    result.reset();
    return taken;
  }
  ReplyCallback callback() {
    return [this](Result<Reply> reply) {
      result.emplace(std::move(reply));
      done.store(1, std::memory_order_release);
      done.notify_one();
    };
  }
};
thread_local Waiter waiter_of_thread;

std::string insert_after_first_line(std::initializer_list<std::string_view> prefixes,
                                    std::string_view text) {
  const std::size_t line_end = text.find('\n');
  const std::size_t rest = line_end == std::string_view::npos ? text.size() : line_end + 1;
  std::string out(text.substr(0, rest));
  for (const std::string_view prefix : prefixes) out += prefix;
  return out.append(text.substr(rest));
}

}  // namespace

Script::Script(std::string name, std::string text) {
  std::string sha = hex_encode(digest(HashAlgorithm::kSha1, text));
  body_ = std::make_shared<const Body>(Body{std::move(name), std::move(text), std::move(sha)});
}

Script::Script(std::string name, std::initializer_list<std::string_view> prefixes,
               std::string_view text)
    : Script(std::move(name), insert_after_first_line(prefixes, text)) {}

class Client::Impl {
 public:
  explicit Impl(Options options)
      : options_(std::move(options)),
        thread_(options_, "redis", [this](Connection& connection) { return serve(connection); }) {}

  void start() { thread_.start(); }

  void stop() {
    {
      const MutexLock lock(mutex_);
      stopped_ = true;
      connection_changed_.notify_all();
    }
    thread_.stop();
  }

  bool wait_connected(Milliseconds timeout) {
    const MonotonicTime deadline = now() + timeout;
    const MutexLock lock(mutex_);
    while (!connected_.load() && !stopped_ && now() < deadline) {
      connection_changed_.wait_until(mutex_, deadline);
    }
    return connected_.load();
  }

  bool connected() const { return connected_.load(); }

  void submit(Command command, ReplyCallback callback) {
    Pending pending;
    pending.done = std::move(callback);
    if (command.empty()) {
      pending.done(fail(ErrorCode::kInvalid, "redis: empty command"));
      return;
    }
    pending.verb = command.front();
    enqueue(std::move(pending), [&](std::string& out, Pending&) { append_command(out, command); });
  }

  void submit(const Script& script, std::vector<std::string> keys, std::vector<std::string> args,
              ReplyCallback callback) {
    Pending pending;
    pending.done = std::move(callback);
    pending.script = script.body_;
    enqueue(std::move(pending), [&](std::string& out, Pending& sent) {
      append_script(out, "EVALSHA", script.sha(), keys, args);
      sent.keys = std::move(keys);
      sent.args = std::move(args);
    });
  }

 private:
  /// What is remembered of a command until its reply comes.
  struct Pending {
    ReplyCallback done;
    MonotonicTime deadline;
    std::size_t bytes = 0;
    std::string verb;
    /// Of an EVALSHA only: what is needed to send it again as EVAL.
    std::shared_ptr<const Script::Body> script;
    std::vector<std::string> keys;
    std::vector<std::string> args;

    const std::string& operation() const { return script ? script->name : verb; }
  };

  template <typename Encode>
  void enqueue(Pending pending, Encode encode);
  template <typename Encode>
  void push(Pending& pending, Encode encode) DW_REQUIRES(mutex_);
  void repeat_with_text(Pending pending);
  Error serve(Connection& connection);
  Error converse(Connection& connection);
  void gather();
  Status deliver(Connection& connection);
  void lose(const Error& reason);
  std::optional<Error> refusal(const Pending& pending) const DW_REQUIRES(mutex_);

  const Options options_;
  std::atomic<bool> connected_{false};
  std::atomic<bool> sleeping_{false};

  mutable Mutex mutex_;
  CondVar connection_changed_;
  bool stopped_ DW_GUARDED_BY(mutex_) = false;
  std::string out_ DW_GUARDED_BY(mutex_);
  std::vector<Pending> queued_ DW_GUARDED_BY(mutex_);
  /// Of commands not yet answered. Grows under mutex_; shrinks before the callback runs, so that
  /// whoever was answered has room again.
  std::atomic<std::size_t> waiting_bytes_{0};

  // Of the connection thread only.
  std::string sending_;
  std::string_view unsent_;  ///< What is left of sending_.
  std::vector<Pending> batch_;
  std::deque<Pending> in_flight_;

  ConnectionThread thread_;  ///< Last: it uses all of the above.
};

std::optional<Error> Client::Impl::refusal(const Pending& pending) const {
  const auto error = [&](ErrorCode code, const std::string& cause) {
    return Error{code, "redis " + pending.operation() + ": " + cause, std::nullopt};
  };
  if (stopped_) return error(ErrorCode::kCancelled, "the client is stopped");
  if (!connected_.load()) {
    return error(ErrorCode::kUnavailable, "not connected to " + options_.endpoint.display());
  }
  if (waiting_bytes_ >= options_.max_queued_bytes) {
    return error(ErrorCode::kTooLarge, std::to_string(waiting_bytes_) + " bytes wait already");
  }
  return std::nullopt;
}

template <typename Encode>
void Client::Impl::enqueue(Pending pending, Encode encode) {
  std::optional<Error> refused;
  {
    const MutexLock lock(mutex_);
    refused = refusal(pending);
    if (!refused) push(pending, encode);
  }
  if (refused) {
    pending.done(fail(std::move(*refused)));
  } else if (sleeping_.exchange(false)) {
    thread_.wakeup().signal();
  }
}

/// Takes `pending` over, with its command at the end of what is to be sent.
template <typename Encode>
void Client::Impl::push(Pending& pending, Encode encode) {
  const std::size_t before = out_.size();
  encode(out_, pending);
  pending.bytes = out_.size() - before;
  pending.deadline = now() + options_.request_timeout;
  waiting_bytes_ += pending.bytes;
  queued_.push_back(std::move(pending));
}

Error Client::Impl::serve(Connection& connection) {
  {
    const MutexLock lock(mutex_);
    connected_.store(true);
    connection_changed_.notify_all();
  }
  Error reason = converse(connection);
  lose(reason);
  return reason;
}

Error Client::Impl::converse(Connection& connection) {
  bool readable = false;
  for (;;) {
    gather();
    if (thread_.stopping()) return Error{ErrorCode::kCancelled, "the client is stopped"};
    if (auto sent = connection.send(unsent_); !sent) return std::move(sent.error());
    if (readable) {
      sleeping_.store(false);  // What callbacks submit now is gathered without a wake-up.
      auto received = connection.receive();
      if (!received) return std::move(received.error());
      if (auto delivered = deliver(connection); !delivered) return std::move(delivered.error());
      readable = *received == Connection::kPieceBytes;
    }
    const MonotonicTime deadline = in_flight_.empty() ? now() + kIdle : in_flight_.front().deadline;
    if (deadline <= now()) {
      return Error{ErrorCode::kTimeout,
                   "no answer within " + std::to_string(options_.request_timeout.count()) + " ms"};
    }
    // sleeping_ is true only when gather() found nothing: then a submit wakes us.
    if (!readable && (sleeping_.load() || !unsent_.empty())) {
      readable = connection.wait(!unsent_.empty(), deadline);
      sleeping_.store(false);
    }
  }
}

/// Takes everything that was queued since the last time, unless the last write is not out yet.
void Client::Impl::gather() {
  if (unsent_.empty() && sending_.capacity() > kKeptBufferBytes) sending_ = std::string();
  {
    const MutexLock lock(mutex_);
    if (!unsent_.empty()) return;
    sending_.clear();
    sending_.swap(out_);
    batch_.swap(queued_);
    sleeping_.store(batch_.empty());
  }
  unsent_ = sending_;
  std::move(batch_.begin(), batch_.end(), std::back_inserter(in_flight_));
  batch_.clear();
}

Status Client::Impl::deliver(Connection& connection) {
  for (;;) {
    auto reply = connection.next_reply();
    if (!reply) return fail(std::move(reply.error()));
    if (!reply->has_value()) return {};
    if (in_flight_.empty()) {
      return fail(ErrorCode::kCorrupt, "redis answer: nobody asked for it");
    }
    Pending pending = std::move(in_flight_.front());
    in_flight_.pop_front();
    waiting_bytes_ -= pending.bytes;
    Reply& value = **reply;
    if (value.kind != Reply::Kind::kError) {
      pending.done(std::move(value));
    } else if (pending.script && value.text.rfind("NOSCRIPT", 0) == 0) {
      repeat_with_text(std::move(pending));
    } else {
      pending.done(fail(error_of_reply(pending.operation(), value.text)));
    }
  }
}

/// EVAL leaves the script loaded, so the next EVALSHA is understood again.
void Client::Impl::repeat_with_text(Pending pending) {
  const auto script = std::exchange(pending.script, nullptr);
  pending.verb = script->name;
  const MutexLock lock(mutex_);
  push(pending, [&](std::string& out, const Pending& again) {
    append_script(out, "EVAL", script->text, again.keys, again.args);
  });
}

/// Ends everything that waits for an answer of a connection that is no more.
void Client::Impl::lose(const Error& reason) {
  {
    const MutexLock lock(mutex_);
    connected_.store(false);
    sleeping_.store(false);
    out_ = std::string();
    batch_.swap(queued_);
    waiting_bytes_ = 0;
  }
  sending_ = std::string();
  unsent_ = {};
  std::deque<Pending> lost = std::exchange(in_flight_, {});
  std::move(batch_.begin(), batch_.end(), std::back_inserter(lost));
  batch_.clear();
  const MonotonicTime lost_at = now();
  bool first = true;
  for (Pending& pending : lost) {
    ErrorCode code = ErrorCode::kUnavailable;
    if (reason.code == ErrorCode::kCancelled ||
        (reason.code == ErrorCode::kTimeout && pending.deadline <= lost_at) ||
        ((reason.code == ErrorCode::kCorrupt || reason.code == ErrorCode::kTooLarge) && first)) {
      code = reason.code;
    }
    first = false;
    pending.done(fail(code, "redis " + pending.operation() + ": " + reason.message));
  }
}

Client::Client(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Client::~Client() { stop(); }

void Client::start() { impl_->start(); }
void Client::stop() { impl_->stop(); }
bool Client::wait_connected(Milliseconds timeout) { return impl_->wait_connected(timeout); }
bool Client::connected() const { return impl_->connected(); }

void Client::submit(Command command, ReplyCallback callback) {
  impl_->submit(std::move(command), std::move(callback));
}
void Client::submit(const Script& script, std::vector<std::string> keys,
                    std::vector<std::string> args, ReplyCallback callback) {
  impl_->submit(script, std::move(keys), std::move(args), std::move(callback));
}

Result<Reply> Client::call(Command command) {
  Waiter& waiter = waiter_of_thread;
  impl_->submit(std::move(command), waiter.callback());
  return waiter.wait();
}

Result<Reply> Client::run(const Script& script, std::vector<std::string> keys,
                          std::vector<std::string> args) {
  Waiter& waiter = waiter_of_thread;
  impl_->submit(script, std::move(keys), std::move(args), waiter.callback());
  return waiter.wait();
}

}  // namespace deskwire::redis
