#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/redis/redis_client.h"

namespace deskwire::redis {

/// Holds replies back until replicas have what their commands wrote: behind the commands of one
/// write go a mark and a WAIT, whose replies let everything that came in before them count, in its
/// order, or make it fail.
///
/// Thread safety: one thread.
class ReplicaBarrier {
 public:
  explicit ReplicaBarrier(const Client::Options& options) : options_(options) {}

  bool needed() const { return options_.wait_replicas > 0; }
  /// What is to be sent behind the commands.
  Command mark() const;
  Command wait() const;

  void hold(std::string operation, ReplyCallback done, Result<Reply> result);
  void marked(const Reply& reply);
  void waited(const Reply& reply);
  /// The connection is gone: what succeeded counts as `error`; other errors stay.
  void fail_all(const Error& error);

 private:
  struct Held {
    std::string operation;
    ReplyCallback done;
    Result<Reply> result;
  };

  std::optional<Error> failure_of(const Reply& reply);

  const Client::Options& options_;
  std::vector<Held> held_;
  std::optional<Error> mark_failed_;
};

}  // namespace deskwire::redis
