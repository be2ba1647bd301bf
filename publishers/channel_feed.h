#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/channel_log.h"
#include "publishers/hub_event.h"

namespace deskwire::publishers {

/// Puts one channel's events in order, without holes and without repeats, from two sources: what
/// Pub/Sub delivers, which may lose messages, and the log, which has them all.
///
///   unconfirmed --confirmed--> reading --page--> live --gap, confirmed again--> reading
///                                 \--error--> broken --retry, confirmed again--> reading
///
/// Example: position 17, Pub/Sub brings 19. The feed asks for what follows 17, holds 19 back, gets
/// 18 and 19 from the log, delivers both and drops the held 19.
///
/// A pure state machine: no threads, no I/O. Not thread-safe.
class ChannelFeed {
 public:
  /// What the owner has to do after a transition, in this order.
  struct Step {
    /// Events were missed that the log does not have any more: tell the subscribers.
    bool lost = false;
    std::vector<HubEventPtr> deliver;
    /// Read the log after `from` (nullopt: only its top) and give the page to `fetched`.
    bool fetch = false;
    std::optional<StreamPosition> from;
  };

  /// Redis confirmed the subscription: everything published from now on arrives.
  Step confirmed();
  Step arrived(const HubEventPtr& event);
  /// @param page  Null when reading failed; the feed is then broken until retry() or confirmed().
  Step fetched(const ChannelLogPage* page);
  Step retry();

  bool live() const { return state_ == State::kLive; }
  bool broken() const { return state_ == State::kBroken; }
  /// The position up to which everything was delivered; nullopt before the first page.
  const std::optional<StreamPosition>& position() const { return position_; }

 private:
  enum class State : std::uint8_t { kUnconfirmed, kReading, kLive, kBroken };

  void read(Step& step);
  void hold(const HubEventPtr& event);
  void take(const HubEventPtr& event, Step& step);
  bool apply(const ChannelLogPage& page, Step& step);

  State state_ = State::kUnconfirmed;
  std::optional<StreamPosition> position_;
  std::vector<HubEventPtr> held_;  ///< Arrived while reading.
  bool read_again_ = false;        ///< What is being read now may be out of date when it comes.
};

}  // namespace deskwire::publishers
