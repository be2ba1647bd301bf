#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/redis/redis_client.h"

namespace deskwire::redis {

/// A connection in Pub/Sub mode with a thread of its own ("bus").
///
/// After a lost connection it reconnects, subscribes to everything again and calls `on_restored`:
/// what was published in between is gone, so the owner compares offsets with the log.
///
/// Thread safety: subscribe and unsubscribe from any thread; the callbacks run on the bus thread.
class Subscriber {
 public:
  struct Callbacks {
    std::function<void(std::string_view topic, std::string_view payload)> on_message;
    /// Redis confirmed: from now on messages of this topic arrive.
    std::function<void(std::string_view topic)> on_subscribed;
    /// Connected again after a loss; every topic is confirmed again by on_subscribed as well.
    std::function<void()> on_restored;
  };

  Subscriber(Client::Options options, Callbacks callbacks);
  ~Subscriber();
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

  void start();
  void stop();
  void subscribe(std::string topic);
  void unsubscribe(std::string topic);
  bool connected() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// A connection that blocks on lists used as doorbells (BLPOP), with a thread of its own ("bell").
/// The BLPOP timeout is a keep-alive only; the socket has a deadline of its own, so that a
/// half-open connection is noticed. Calls `on_ring(key)` for each token taken, and
/// `on_ring("")` after every (re)connect: whatever rang meanwhile must be looked for.
///
/// Of several bells that wait, each has its turn.
class BellListener {
 public:
  /// @param wait_until_wanted  Called on the listener's thread before it waits for a token; may
  ///     block while the owner has enough to do, so that tokens stay for others. Once the owner
  ///     stops it must return, before stop() is called here. Empty: every token is wanted.
  BellListener(Client::Options options, std::vector<std::string> keys,
               std::function<void(std::string_view key)> on_ring,
               std::function<void()> wait_until_wanted = {});
  ~BellListener();
  BellListener(const BellListener&) = delete;
  BellListener& operator=(const BellListener&) = delete;

  void start();
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace deskwire::redis
