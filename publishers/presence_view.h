#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "publishers/hub_event.h"
#include "publishers/presence.h"

namespace deskwire::publishers {

/// Whom the subscribers of one channel on this gateway believe to be there, as they were told.
/// Presence events are not kept in the log: those of a time without Pub/Sub are found by comparing
/// this view with the list.
///
///   begin() --Presence::list()--> settle(): what the subscribers have to be told
///
/// Whoever an event comes about between the two is left out of the comparison: that event is as new
/// as the list, or newer.
///
/// Not thread-safe.
class PresenceView {
 public:
  struct Change {
    const char* event;  ///< presence:enter, presence:update, presence:leave
    Presence::Member member;
  };

  /// An event on its way to the subscribers; others than presence:* change nothing.
  void told(const HubEvent& event);
  /// What a new subscriber was answered.
  void listed(const Presence::Members& members);

  void begin();
  /// Takes the list over. A list of Presence::kMaxListed members may not be whole: who is missing
  /// in it has not left.
  std::vector<Change> settle(const Presence::Members& members);

 private:
  std::map<std::string, std::string> believed_;  ///< Client id -> data.
  std::set<std::string> touched_;                ///< Since begin().
  bool comparing_ = false;
};

}  // namespace deskwire::publishers
