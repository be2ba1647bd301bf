#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "core/clock.h"
#include "publishers/access.h"
#include "publishers/connection.h"
#include "publishers/dialects/plain_protocol.h"
#include "publishers/gatekeeper.h"
#include "publishers/local_hub.h"
#include "publishers/operations.h"
#include "publishers/token_bucket.h"

namespace deskwire::publishers {

/// Who keeps sessions alive and counts them. Loop thread.
class SessionOwner {
 public:
  virtual ~SessionOwner() = default;
  /// The session knows now who its client is. False: that client has too many already.
  virtual bool on_session_connected(const std::string& id, const std::string& client_id) = 0;
  /// The session has let go of everything; its owner may drop it.
  virtual void on_session_closed(const std::string& id, std::uint16_t code) = 0;
};

/// What all sessions of a loop share; outlives them.
struct SessionContext {
  const config::Gateway& settings;
  const Clock& clock;
  Gatekeeper& gatekeeper;
  LocalHub& hub;
  Operations& operations;
  SessionOwner& owner;
};

/// One connection speaking the plain JSON dialect (contract §4, docs/protocol.md).
///
///   waiting for a token --connect--> connected --expiry--> expired --refresh--> connected
///        \--hello timeout: 4001                               \--no refresh in time: 4009
///
/// Loop thread only.
class PlainSession final : public Connection::Handler,
                           public Subscriber,
                           public std::enable_shared_from_this<PlainSession> {
 public:
  /// @param batch  Several objects may come in one frame, separated by newlines.
  PlainSession(SessionContext& context, std::shared_ptr<Connection> connection, bool batch);

  const std::string& id() const { return id_; }
  /// @param token  From the URL or the Authorization header; empty: it has to come by `connect`.
  void start(std::string response, std::string leftover, std::string_view token);
  bool is_open() const { return connection_->is_open(); }
  /// Ends with 4001 when its token has been revoked or its key is not listed any more.
  void check_admission();
  /// Disconnect object, then the close frame.
  /// @param retry_after  When the client should come back, if that is for us to say.
  void end(CloseCode code, std::string_view reason,
           std::optional<Milliseconds> retry_after = std::nullopt) {
    retry_after_ = retry_after;
    connection_->close(code, reason);
  }

  void on_message(WireMessage message) override;
  std::string farewell(CloseCode code, std::string_view reason) override;
  std::string_view keep_alive() override { return plain::kPing; }
  void on_closed(std::uint16_t code) override;
  void on_event(Subscription& subscription, const HubEventPtr& event, bool replay) override;
  void on_position_lost(Subscription& subscription) override;

 private:
  /// What to do with an answer of the gatekeeper to the command `id`.
  using Admitted = void (PlainSession::*)(std::int64_t id, Answer<Principal> principal);
  void admit(std::int64_t id, std::string_view token, Admitted then);
  void greet(std::int64_t id, Answer<Principal> principal);
  void refreshed(std::int64_t id, Answer<Principal> principal);

  void take_in(std::string_view text);
  void handle(std::string_view text);
  bool check_token();
  void watch_expiry();
  void expire();
  void end_subscriptions();
  void leave_everywhere();
  std::optional<Refusal> over_rate();

  void obey(std::int64_t id, plain::Connect& connect);
  void obey(std::int64_t id, plain::Subscribe& subscribe);
  void obey(std::int64_t id, plain::Unsubscribe& unsubscribe);
  void obey(std::int64_t id, plain::Publish& publish);
  void obey(std::int64_t id, plain::Send& send);
  void obey(std::int64_t id, plain::History& history);
  void obey(std::int64_t id, plain::Presence& presence);
  void obey(std::int64_t id, plain::Enter& enter);
  void obey(std::int64_t id, plain::Leave& leave);
  void obey(std::int64_t id, plain::Refresh& refresh);
  void obey(std::int64_t id, plain::Ping& ping);

  void ok(std::int64_t id, std::string_view result);
  void error(std::int64_t id, const Refusal& refusal);
  void on_subscribed(std::int64_t id, const std::string& channel, std::size_t weight,
                     Result<Subscribed> subscribed);
  template <typename T, typename Encode>
  Operations::Done<T> answering(std::int64_t id, Encode encode_result, std::size_t weight = 1);
  void command_finished(std::size_t weight = 1);

  SessionContext& context_;
  std::string id_;
  std::shared_ptr<Connection> connection_;
  Principal principal_;
  std::vector<std::shared_ptr<Subscription>> subscriptions_;
  std::vector<std::string> entered_;  ///< Channels where this session is present.
  std::shared_ptr<void> timer_;       ///< Hello, expiry or grace: one at a time.
  TokenBucket publishes_;
  std::optional<Milliseconds> retry_after_;
  std::uint64_t published_ = 0;
  std::size_t in_flight_ = 0;          ///< Commands that wait for Redis.
  std::vector<std::string> deferred_;  ///< Came while a token was being looked into.
  bool asking_ = false;                ///< An issuer's service is asked for rights.
  bool batch_;
  bool connected_ = false;
  bool expired_ = false;
};

}  // namespace deskwire::publishers
