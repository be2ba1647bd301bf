// DESIGN
// Callers encode their command straight into one shared buffer (`out_`) and note what waits for the
// answer in `queued_`, both under one short lock. The connection thread swaps both away in one go,
// so that everything asked meanwhile leaves in one send(), and matches replies to `in_flight_` by
// order alone. It is woken (eventfd) only when it sleeps: under load nobody makes that system call.
// Deadlines are all alike, so the oldest request's is always the next one to pass.
//
// A reply that says "not this server" begins the end of the connection: nothing more is sent, what
// is under way is answered, then the connection thread looks for the master again. What was refused
// waits in `refused_` and is sent once more; it surely had no effect yet.
//
// A connection's first use of a script sends its text, later ones its SHA-1: nothing that was
// submitted later can overtake it, as it could while an unknown SHA-1 is answered and sent again.
//
// With wait_replicas, gather() ends every write with a WAIT; until its reply comes, the replies
// before it are held in `barrier_`. One WAIT serves all threads that asked meanwhile.

#include "core/redis/redis_client.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
#include <iterator>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "core/mutex.h"
#include "core/redis/command.h"
#include "core/redis/connection.h"
#include "core/redis/connection_thread.h"
#include "core/redis/pending.h"
#include "core/redis/replica_barrier.h"
#include "core/redis/reply_error.h"
#include "core/redis/reply_waiter.h"

namespace deskwire::redis {
namespace {

/// Buffers that one burst made larger than this are given back.
constexpr std::size_t kKeptBufferBytes = 1U << 20U;

/// How long the thread may sleep when nothing is in flight; a wake-up ends it at any time.
constexpr std::chrono::hours kIdle{1};

MonotonicTime now() { return std::chrono::steady_clock::now(); }

thread_local ReplyWaiter waiter_of_thread;

}  // namespace

class Client::Impl {
 public:
  explicit Impl(Options options)
      : options_(std::move(options)),
        thread_(
            options_, options_.wait_replicas > 0 ? "redis-wait" : "redis",
            [this](Connection& connection) { return serve(connection); },
            [this] { give_up_refused(); }) {}

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
    pending.script = script;
    pending.keys = std::move(keys);
    pending.args = std::move(args);
    enqueue(std::move(pending), append_script_of);
  }

 private:
  static void append_script_of(std::string& out, const Pending& pending) {
    append_script(out, pending.as_text ? "EVAL" : "EVALSHA",
                  pending.as_text ? pending.script->text() : pending.script->sha(), pending.keys,
                  pending.args);
  }

  template <typename Encode>
  void enqueue(Pending pending, Encode encode);
  template <typename Encode>
  void push(Pending& pending, Encode encode) DW_REQUIRES(mutex_);
  void repeat_with_text(Pending pending);
  void repeat_refused() DW_REQUIRES(mutex_);
  void give_up_refused();
  Error serve(Connection& connection);
  Error converse(Connection& connection);
  void gather();
  void append_barrier();
  Status deliver(Connection& connection);
  void deliver_one(Pending pending, Reply value);
  void refuse(Pending pending, const std::string& text);
  void finish(Pending pending, Result<Reply> result);
  void leave(const Error& reason);
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
  std::unordered_set<std::string> sent_scripts_ DW_GUARDED_BY(mutex_);  ///< Of this connection.
  /// Of commands not yet answered. Grows under mutex_; shrinks before the callback runs, so that
  /// whoever was answered has room again.
  std::atomic<std::size_t> waiting_bytes_{0};

  // Of the connection thread only.
  std::string sending_;
  std::string_view unsent_;  ///< What is left of sending_.
  std::vector<Pending> batch_;
  std::deque<Pending> in_flight_;
  MonotonicTime connected_since_;
  std::optional<Error> leaving_;  ///< Why this connection is to end.
  std::vector<Pending> refused_;  ///< Scripts to send once more.
  ReplicaBarrier barrier_{options_};

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
  pending.deadline = now() + options_.request_timeout;
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
  if (pending.script && !pending.as_text) {
    pending.as_text = sent_scripts_.insert(pending.script->sha()).second;
  }
  const std::size_t before = out_.size();
  encode(out_, pending);
  pending.bytes = out_.size() - before;
  waiting_bytes_ += pending.bytes;
  queued_.push_back(std::move(pending));
}

Error Client::Impl::serve(Connection& connection) {
  give_up_refused();
  connected_since_ = now();
  leaving_.reset();
  {
    const MutexLock lock(mutex_);
    repeat_refused();
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
    if (auto reason = thread_.reason_to_end()) {
      if (reason->code == ErrorCode::kCancelled) return *reason;
      leaving_ = std::move(reason);
    }
    if (leaving_ && in_flight_.empty()) return *leaving_;
    gather();
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

/// Takes everything that was queued since the last time, unless the last write is not out yet or
/// this server is not the one to write to.
void Client::Impl::gather() {
  if (unsent_.empty() && sending_.capacity() > kKeptBufferBytes) sending_ = std::string();
  {
    const MutexLock lock(mutex_);
    if (!unsent_.empty()) return;
    if (leaving_) {
      sleeping_.store(true);
      return;
    }
    sending_.clear();
    sending_.swap(out_);
    batch_.swap(queued_);
    sleeping_.store(batch_.empty());
  }
  if (barrier_.needed() && !batch_.empty()) append_barrier();
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
    deliver_one(std::move(pending), std::move(**reply));
  }
}

void Client::Impl::deliver_one(Pending pending, Reply value) {
  const bool is_error = value.kind == Reply::Kind::kError;
  if (pending.part == Pending::Part::kMark) {
    barrier_.marked(value);
  } else if (pending.part == Pending::Part::kWait) {
    barrier_.waited(value);
  } else if (!is_error) {
    finish(std::move(pending), std::move(value));
  } else if (pending.script && !pending.as_text && value.text.starts_with("NOSCRIPT")) {
    repeat_with_text(std::move(pending));
  } else if (refused_by_this_server(value.text)) {
    refuse(std::move(pending), value.text);
  } else {
    Error error = error_of_reply(pending.operation(), value.text);
    finish(std::move(pending), fail(std::move(error)));
  }
}

void Client::Impl::finish(Pending pending, Result<Reply> result) {
  if (barrier_.needed()) {
    barrier_.hold(pending.operation(), std::move(pending.done), std::move(result));
  } else {
    pending.done(std::move(result));
  }
}

/// After a SCRIPT FLUSH. EVAL leaves the script loaded, so the next EVALSHA is understood again.
void Client::Impl::repeat_with_text(Pending pending) {
  pending.as_text = true;
  pending.deadline = now() + options_.request_timeout;
  const MutexLock lock(mutex_);
  push(pending, append_script_of);
}

void Client::Impl::refuse(Pending pending, const std::string& text) {
  Error error = error_of_reply(pending.operation(), text);
  leave(error);
  if (leaving_ && pending.script && !std::exchange(pending.refused_once, true)) {
    refused_.push_back(std::move(pending));
  } else {
    finish(std::move(pending), fail(std::move(error)));
  }
}

void Client::Impl::leave(const Error& reason) {
  if (!leaving_ && now() - connected_since_ >= options_.min_connection_age) leaving_ = reason;
}

void Client::Impl::repeat_refused() {
  for (Pending& pending : std::exchange(refused_, {})) push(pending, append_script_of);
}

/// While there is no connection: what has waited for one long enough fails, and all of it at a
/// stop.
void Client::Impl::give_up_refused() {
  std::vector<Pending> late;
  const bool stopping = thread_.stopping();
  const auto is_late = [&](const Pending& one) { return stopping || one.deadline <= now(); };
  const auto first = std::stable_partition(refused_.begin(), refused_.end(), std::not_fn(is_late));
  std::move(first, refused_.end(), std::back_inserter(late));
  refused_.erase(first, refused_.end());
  for (Pending& pending : late) {
    const ErrorCode code = stopping ? ErrorCode::kCancelled : ErrorCode::kUnavailable;
    const char* why = stopping ? "the client is stopped" : "refused, and no other master in time";
    pending.done(fail(code, "redis " + pending.operation() + ": " + why));
  }
}

void Client::Impl::append_barrier() {
  const auto append = [this](Pending::Part part, const Command& command) {
    const std::size_t before = sending_.size();
    append_command(sending_, command);
    Pending pending;
    pending.part = part;
    pending.verb = command.front();
    pending.bytes = sending_.size() - before;
    pending.deadline = now() + options_.request_timeout + options_.wait_timeout;
    waiting_bytes_ += pending.bytes;
    batch_.push_back(std::move(pending));
  };
  append(Pending::Part::kMark, barrier_.mark());
  append(Pending::Part::kWait, barrier_.wait());
}

/// Ends everything that waits for an answer of a connection that is no more.
void Client::Impl::lose(const Error& reason) {
  {
    const MutexLock lock(mutex_);
    connected_.store(false);
    sleeping_.store(false);
    out_ = std::string();
    batch_.swap(queued_);
    sent_scripts_.clear();
    waiting_bytes_ = 0;
  }
  sending_ = std::string();
  unsent_ = {};
  std::deque<Pending> lost = std::exchange(in_flight_, {});
  std::move(batch_.begin(), batch_.end(), std::back_inserter(lost));
  batch_.clear();
  const MonotonicTime lost_at = now();
  const bool stopped = reason.code == ErrorCode::kCancelled;
  barrier_.fail_all(
      {stopped ? ErrorCode::kCancelled : ErrorCode::kUnavailable, reason.message, std::nullopt});
  bool first = true;
  for (Pending& pending : lost) {
    if (pending.part != Pending::Part::kCommand) continue;
    ErrorCode code = ErrorCode::kUnavailable;
    if (stopped || (reason.code == ErrorCode::kTimeout && pending.deadline <= lost_at) ||
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
  ReplyWaiter& waiter = waiter_of_thread;
  impl_->submit(std::move(command), waiter.callback());
  return waiter.wait();
}

Result<Reply> Client::run(const Script& script, std::vector<std::string> keys,
                          std::vector<std::string> args) {
  ReplyWaiter& waiter = waiter_of_thread;
  impl_->submit(script, std::move(keys), std::move(args), waiter.callback());
  return waiter.wait();
}

}  // namespace deskwire::redis
