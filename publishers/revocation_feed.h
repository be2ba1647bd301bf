#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/redis/redis_client.h"
#include "core/result.h"
#include "publishers/loop_gate.h"
#include "publishers/revocations.h"

namespace deskwire::publishers {

/// An operator's decision that tokens are not good any more.
struct Revocation {
  std::string client_id;  ///< Empty: every client's.
  std::int64_t issued_until_ms = 0;
  std::string actor;
  std::string reason;
  // Known once it is stored; server time.
  std::int64_t at_ms = 0;
  std::int64_t kept_until_ms = 0;
};

/// Stores a revocation for all gateways (docs/redis-keys.md, `revoked`). Blocks for a round trip.
/// @param life  Of the longest-lived token: so long it is kept.
/// @errors as redis::Client. kFull: 100,000 are stored already; revoke by time instead.
Status store_revocation(redis::Client& client, const Revocation& revocation, Milliseconds life);

/// Those in force, newest first. @errors as redis::Client; kCorrupt.
Result<std::vector<Revocation>> list_revocations(redis::Client& client, std::size_t limit);

/// Keeps a process's Revocations equal to what is stored: looks every `period` for what is new.
/// While Redis is away what was known stays in force.
///
/// Thread safety: start and stop from one thread; `changed` runs on the gate's loop.
class RevocationFeed : public std::enable_shared_from_this<RevocationFeed> {
 public:
  RevocationFeed(redis::Client& client, Revocations& revocations, const Clock& clock,
                 Milliseconds period, std::function<void()> changed);

  void start(net::Loop& loop);
  /// Before the loop stops. Twice, unstarted: fine.
  void stop();
  /// After the loop has stopped: answers under way may keep this object longer than the loop.
  void forget_loop() { timer_.reset(); }

 private:
  /// Time and number of a stream's entry.
  using Id = std::pair<std::uint64_t, std::uint64_t>;

  void look();
  void on_newest(const Result<redis::Reply>& reply);
  void read_from(std::string first);
  void on_page(const Result<redis::Reply>& reply);
  void look_again();

  redis::Client& client_;
  Revocations& revocations_;
  const Clock& clock_;
  const Milliseconds period_;
  const std::function<void()> changed_;
  LoopGatePtr gate_;
  net::Loop* loop_ = nullptr;
  std::shared_ptr<void> timer_;  ///< On the loop.
  Id newest_;                    ///< Taken in; on the loop.
};

}  // namespace deskwire::publishers
