#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/channel_log.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "core/mutex.h"
#include "core/redis/redis_subscriber.h"
#include "publishers/channel_feed.h"
#include "publishers/local_hub.h"
#include "publishers/presence.h"
#include "publishers/presence_view.h"
#include "publishers/typing.h"

namespace deskwire::publishers {

/// Brings the events of every channel that somebody here is subscribed to from Redis to the loops,
/// and knows no dialect.
///
///   Pub/Sub (bus thread) --> ChannelFeed: order, no holes --> inbox of each loop with subscribers
///                                 ^ gaps, restored Redis: read from the log (redis thread)
///
/// The bus thread never touches a subscriber: it pushes shared events into inboxes.
///
/// Thread safety: open() and close() from the loops, start() and stop() from the owner's thread.
/// Outlives the loops' threads.
class Hub {
 public:
  struct Options {
    redis::Client::Options bus;
    Milliseconds typing_ttl{6000};
    Milliseconds presence_beat{10000};
    /// How long a channel whose log could not be read waits until it is tried again.
    Milliseconds retry{500};
  };

  Hub(Options options, ChannelLog& log, Presence& presence, const std::vector<net::Loop*>& loops,
      const Clock& clock, Metrics& metrics);
  ~Hub();
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  void start();
  /// Before the loops stop. Twice is fine.
  void stop();

  LocalHub& local(const net::Loop& loop);

  /// The loop `index` has subscribers of the channel now. `ready` runs on that loop when everything
  /// published from now on will arrive; at once when that is so already.
  void open(const std::string& channel, std::size_t index, std::function<void(Status)> ready);
  /// It has none any more.
  void close(const std::string& channel, std::size_t index);
  /// A new subscriber of an open channel was told that these are there.
  void listed(const std::string& channel, const Presence::Members& members);

 private:
  struct Channel {
    ChannelFeed feed;
    std::uint64_t loops = 0;       ///< Bit per loop with subscribers.
    std::uint64_t generation = 0;  ///< Tells the answer to an earlier life of the channel.
    std::vector<std::pair<std::size_t, std::function<void(Status)>>> waiting;
    bool confirmed = false;  ///< Once; again means that Pub/Sub was away meanwhile.
    PresenceView present;
    std::uint64_t comparison = 0;  ///< The newest of the presence view that was begun.
  };
  struct Fetch {
    std::string channel;
    std::uint64_t generation = 0;
    std::optional<StreamPosition> from;
  };

  void on_message(std::string_view topic, std::string_view payload);
  void on_subscribed(std::string_view topic);
  std::optional<Fetch> apply(const std::string& name, Channel& channel, ChannelFeed::Step step)
      DW_REQUIRES(mutex_);
  void emit(Channel& channel, const HubEventPtr& event) DW_REQUIRES(mutex_);
  /// Presence events may have been missed: finds out what they were.
  void compare_presence(const std::string& name, Channel& channel) DW_REQUIRES(mutex_);
  void on_members(const std::string& name, std::uint64_t comparison,
                  const Result<Presence::Members>& members);
  void answer_waiting(Channel& channel, const Status& status) DW_REQUIRES(mutex_);
  void fetch(const std::optional<Fetch>& wanted);
  void on_page(const Fetch& fetched, const Result<ChannelLogPage>& page);
  void arm_tick() DW_REQUIRES(mutex_);
  void tick();
  void beat();

  const Options options_;
  ChannelLog& log_;
  Presence& presence_;
  const Clock& clock_;
  std::vector<std::shared_ptr<LocalHub>> locals_;
  std::unique_ptr<redis::Subscriber> bus_;

  Mutex mutex_;
  std::unordered_map<std::string, Channel> channels_ DW_GUARDED_BY(mutex_);
  TypingTracker typing_ DW_GUARDED_BY(mutex_);
  std::uint64_t generations_ DW_GUARDED_BY(mutex_) = 0;
  bool broken_ DW_GUARDED_BY(mutex_) = false;               ///< Some channel waits for its retry.
  std::set<std::string> uncompared_ DW_GUARDED_BY(mutex_);  ///< Their presence does so.
  bool ticking_ DW_GUARDED_BY(mutex_) = false;

  // Of the first loop.
  std::shared_ptr<void> tick_timer_;
  std::shared_ptr<void> beat_timer_;
};

}  // namespace deskwire::publishers
