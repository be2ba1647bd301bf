#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/redis/redis_client.h"
#include "core/result.h"

namespace deskwire::publishers {

/// Who is in which channel, in Redis, one entry per (session, client id): two tabs are one person.
/// `presence:enter`, `:update` and `:leave` are published by the script only when a client's first
/// connection comes, its data changes, or its last one goes. Every entry expires unless its gateway
/// renews it, so that a crashed one leaves no ghost: any other one publishes the leave.
///
/// Thread safety: every method may be called concurrently. Callbacks come from the redis thread,
/// and may come after the object is gone.
class Presence {
 public:
  struct Member {
    std::string client_id;
    std::string data;  ///< A JSON object's text: what the client gave last.
  };
  /// At most kMaxListed members, by client id.
  using Members = std::vector<Member>;
  static constexpr std::size_t kMaxListed = 1000;
  static constexpr std::size_t kMaxData = 4096;

  Presence(redis::Client& client, Milliseconds ttl);

  /// @param update  Publishes presence:update also when the data is the same.
  /// @errors Those of redis::Client; the entry is then not renewed and expires.
  void enter(const std::string& channel, const std::string& session, const std::string& client_id,
             const std::string& data, bool update, std::function<void(Status)> done);
  void leave(const std::string& channel, const std::string& session, const std::string& client_id,
             std::function<void(Status)> done);
  void list(const std::string& channel, std::function<void(Result<Members>)> done);

  /// Whether this process has to look after the channel's entries although none is its own.
  void watch(const std::string& channel, bool wanted);
  /// Renews our entries and removes expired ones of others. Every ttl / 3.
  void beat();

 private:
  struct Entered;

  void renew_own();
  void sign_of_life(int shard);
  void run(const std::string& channel, std::vector<std::string> changes, std::size_t listed,
           std::function<void(Result<redis::Reply>)> done);

  redis::Client& client_;
  const Milliseconds ttl_;
  const std::shared_ptr<Entered> entered_;
};

}  // namespace deskwire::publishers
