#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/event.h"
#include "publishers/hub_event.h"

namespace deskwire::publishers {

/// Ends typing that nobody ended: a `typing:start` that is not refreshed in time gets a
/// `typing:stop`. Every gateway does so for its own subscribers, without Redis, so that it works
/// whoever died; the stop's id is derived from the start's, so it is the same everywhere.
///
/// A session is not sent its own typing. Where somebody types in two of them, each has seen the
/// other's start, so a stop in the name of one would not reach that one: such typing ends by a stop
/// that is nobody's.
///
/// Not thread-safe.
class TypingTracker {
 public:
  explicit TypingTracker(Milliseconds ttl) : ttl_(ttl) {}

  /// Sees every event of a channel that somebody here is subscribed to.
  /// @return  What has to follow it: the stop for those whom `event` does not reach; or null.
  HubEventPtr note(const HubEventPtr& event, MonotonicTime now, std::int64_t wall_ms);
  /// The stops that are due, and forgets their starts.
  std::vector<HubEventPtr> expire(MonotonicTime now, std::int64_t wall_ms);
  void forget(const std::string& channel);
  bool empty() const { return typists_.empty(); }

 private:
  struct Typist {
    HubEventPtr start;
    MonotonicTime until;
    bool several = false;  ///< Sessions.
  };

  Milliseconds ttl_;
  std::map<std::pair<std::string, std::string>, Typist> typists_;  ///< By channel and typist.
};

}  // namespace deskwire::publishers
