#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/channel_log.h"
#include "core/metrics.h"
#include "core/mutex.h"
#include "core/result.h"
#include "publishers/hub_event.h"
#include "publishers/loop_gate.h"
#include "publishers/presence.h"

namespace deskwire::publishers {

class Hub;
class LocalHub;
class Subscription;

/// Whoever hears a channel: a session of any dialect, an SSE stream, a long poll.
class Subscriber {
 public:
  virtual ~Subscriber() = default;
  /// In order, without holes or repeats. Must not end a subscription before it returns.
  /// @param replay  It comes from the log, on the way from the position asked for to the present.
  virtual void on_event(Subscription& subscription, const HubEventPtr& event, bool replay) = 0;
  /// Events were missed that the log does not have any more. Must not end a subscription either.
  virtual void on_position_lost(Subscription& subscription) = 0;
};

/// The answer to a subscription. Replayed events follow it.
struct Subscribed {
  StreamPosition top;
  bool recovered = false;  ///< Everything kept after the position asked for follows.
  Presence::Members presence;
};

/// One subscriber's place in one channel; ends with the object. Owned by the subscriber.
/// Loop thread only.
class Subscription : public std::enable_shared_from_this<Subscription> {
 public:
  ~Subscription();
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

  const std::string& channel() const { return channel_; }

 private:
  friend class LocalHub;
  Subscription(std::shared_ptr<LocalHub> hub, std::string channel, Subscriber& subscriber)
      : hub_(std::move(hub)), channel_(std::move(channel)), subscriber_(subscriber) {}

  void deliver(const HubEventPtr& event);

  std::shared_ptr<LocalHub> hub_;
  std::string channel_;
  Subscriber& subscriber_;
  std::size_t index_ = 0;  ///< Place in the channel's list.
  bool joined_ = false;
  StreamPosition position_;
  std::vector<HubEventPtr> early_;  ///< Live events that came before the answer.
  bool early_lost_ = false;
};

/// The part of the hub that belongs to one loop: its subscribers by channel, and the inbox through
/// which events reach it in batches.
///
/// Thread safety: push(), push_lost() and wait_for_room() from any thread; the rest on the loop.
class LocalHub : public std::enable_shared_from_this<LocalHub> {
 public:
  using Done = std::function<void(Result<Subscribed>)>;

  LocalHub(Hub& hub, std::size_t index, net::Loop& loop, ChannelLog& log, Presence& presence,
           Metrics& metrics);

  /// Waits for Redis to confirm the topic before it reads the log, so that nothing falls between
  /// the two. `done` runs on the loop, later, once.
  /// @errors kUnavailable, kTimeout: Redis is away. kCancelled: the subscription ended meanwhile.
  std::shared_ptr<Subscription> subscribe(const std::string& channel,
                                          std::optional<StreamPosition> from,
                                          Subscriber& subscriber, Done done);

  const LoopGatePtr& gate() const { return gate_; }
  net::Loop& loop() { return loop_; }

  void push(const HubEventPtr& event);
  void push_lost(std::string channel);
  /// Holds back a thread that brings events faster than the loop delivers them, at most a second:
  /// Redis then buffers for us, and if it gives up, the offsets show what was missed.
  void wait_for_room();
  /// No more callbacks, no more waiting.
  void close();

 private:
  friend class Subscription;
  struct Join;
  struct Item {
    HubEventPtr event;
    std::string lost_channel;
  };
  struct NameHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const {
      return std::hash<std::string_view>{}(name);
    }
  };
  using Channels =
      std::unordered_map<std::string, std::vector<Subscription*>, NameHash, std::equal_to<>>;

  void push_item(Item item, std::size_t bytes);
  void deliver_inbox();
  void leave(Subscription& subscription);
  void read_log(const std::shared_ptr<Join>& join);
  void advance(const std::shared_ptr<Join>& join);

  Hub& hub_;
  const std::size_t index_;
  net::Loop& loop_;
  ChannelLog& log_;
  Presence& presence_;
  LoopGatePtr gate_;
  Metrics::Counter& delivered_;
  Channels channels_;

  Mutex mutex_;
  CondVar room_;
  std::vector<Item> inbox_ DW_GUARDED_BY(mutex_);
  std::size_t inbox_bytes_ DW_GUARDED_BY(mutex_) = 0;
  bool closed_ DW_GUARDED_BY(mutex_) = false;
};

}  // namespace deskwire::publishers
