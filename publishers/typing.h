#pragma once

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
/// Not thread-safe.
class TypingTracker {
 public:
  explicit TypingTracker(Milliseconds ttl) : ttl_(ttl) {}

  /// Sees every event of a channel that somebody here is subscribed to.
  void note(const HubEventPtr& event, MonotonicTime now);
  /// The stops that are due, and forgets their starts.
  std::vector<HubEventPtr> expire(MonotonicTime now, std::int64_t wall_ms);
  void forget(const std::string& channel);
  bool empty() const { return typists_.empty(); }

 private:
  struct Typist {
    HubEventPtr start;
    MonotonicTime until;
  };

  Milliseconds ttl_;
  std::map<std::pair<std::string, std::string>, Typist> typists_;  ///< By channel and typist.
};

}  // namespace deskwire::publishers
