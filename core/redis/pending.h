#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/redis/redis_client.h"

namespace deskwire::redis {

/// What is remembered of a sent command until its reply comes.
struct Pending {
  /// The latter two belong to the ReplicaBarrier.
  enum class Part : std::uint8_t { kCommand, kMark, kWait };
  Part part = Part::kCommand;
  ReplyCallback done;
  MonotonicTime deadline;
  std::size_t bytes = 0;
  std::string verb;
  /// Of a script only: what is needed to send it again.
  std::optional<Script> script;
  bool as_text = false;       ///< As EVAL: Redis does not know it yet.
  bool refused_once = false;  ///< It is not sent a third time.
  std::vector<std::string> keys;
  std::vector<std::string> args;

  const std::string& operation() const { return script ? script->name() : verb; }
};

}  // namespace deskwire::redis
