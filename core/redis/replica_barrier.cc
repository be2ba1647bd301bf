#include "core/redis/replica_barrier.h"

#include <utility>

#include "core/redis/reply_error.h"

namespace deskwire::redis {
namespace {

/// Nobody listens there: to publish is the one write that leaves no trace in the data.
constexpr const char* kMarkTopic = "dw:wait";

}  // namespace

/// Since Redis 7.2 WAIT waits for the last write of its own connection. A script that found its
/// work done already, perhaps by another connection, wrote nothing; the mark is a write behind all
/// others, so that the answer "it was done" is true of the replicas as well.
Command ReplicaBarrier::mark() const { return {"PUBLISH", kMarkTopic, ""}; }

Command ReplicaBarrier::wait() const {
  return {"WAIT", std::to_string(options_.wait_replicas),
          std::to_string(options_.wait_timeout.count())};
}

void ReplicaBarrier::hold(std::string operation, ReplyCallback done, Result<Reply> result) {
  held_.push_back({std::move(operation), std::move(done), std::move(result)});
}

void ReplicaBarrier::marked(const Reply& reply) {
  if (reply.kind == Reply::Kind::kError) mark_failed_ = error_of_reply("PUBLISH", reply.text);
}

void ReplicaBarrier::waited(const Reply& reply) {
  if (const auto failure = failure_of(reply)) return fail_all(*failure);
  // Callbacks may lead to new replies being held.
  for (Held& held : std::exchange(held_, {})) held.done(std::move(held.result));
}

std::optional<Error> ReplicaBarrier::failure_of(const Reply& reply) {
  if (mark_failed_) return std::exchange(mark_failed_, std::nullopt);
  if (reply.kind == Reply::Kind::kError) {
    Error error = error_of_reply("WAIT", reply.text);
    error.code = ErrorCode::kUnavailable;
    return error;
  }
  if (reply.as_integer() >= options_.wait_replicas) return std::nullopt;
  return Error{ErrorCode::kUnavailable,
               reply.as_string() + " of " + std::to_string(options_.wait_replicas) +
                   " replicas confirmed within " + std::to_string(options_.wait_timeout.count()) +
                   " ms; ask again, it is done once",
               std::nullopt};
}

void ReplicaBarrier::fail_all(const Error& error) {
  mark_failed_.reset();
  for (Held& held : std::exchange(held_, {})) {
    if (!held.result) {
      held.done(std::move(held.result));
    } else {
      held.done(fail(Error(error).prefixed("redis " + held.operation)));
    }
  }
}

}  // namespace deskwire::redis
