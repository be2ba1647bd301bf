#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <unordered_map>

#include "config/config.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "core/net/http_server.h"
#include "core/snapshot.h"
#include "publishers/connection.h"
#include "publishers/dialects/plain_session.h"
#include "publishers/local_hub.h"
#include "publishers/operations.h"
#include "publishers/rest.h"
#include "publishers/session_counts.h"

namespace deskwire::publishers {

/// What the gateway keeps per loop: its sessions, its REST, and what they share.
/// Loop thread only, except open().
class GatewayLoop final : public SessionOwner {
 public:
  struct Context {
    const config::Config& config;                ///< As of the start.
    const Snapshot<const config::Config>& live;  ///< Of now.
    const ConnectionSettings& connections;
    const Clock& clock;
    Metrics& metrics;
    SessionCounts& counts;
    ClientRates& rates;
    Gatekeeper& gatekeeper;
    Operations& operations;
    jobs::AlertDesk& alerts;
    LocalHub& hub;
    const std::map<std::string, Page>& pages;
    const std::atomic<bool>& draining;
  };
  explicit GatewayLoop(const Context& context);

  Rest& rest() { return rest_; }
  /// @param response  The handshake's answer.
  void accept(const net::HttpRequest& request, std::unique_ptr<net::Stream> stream,
              std::string response, std::string leftover);
  /// Ends what was let in with a token or key that is not good any more.
  void check_admissions();
  /// Closes all sessions with 4010, spread over `period` so that they do not return all at once;
  /// each is told to come back at a moment of its own within config gateway.drain_ms.
  void drain(Milliseconds period);
  /// Sockets of sessions that are not closed yet.
  std::size_t open() const { return group_->open(); }

  bool on_session_connected(const std::string& id, const std::string& client_id) override;
  void on_session_closed(const std::string& id, std::uint16_t code) override;

 private:
  struct Entry {
    std::shared_ptr<PlainSession> session;
    std::string address;    ///< Empty: was not admitted, is not counted.
    std::string client_id;  ///< As counted; empty before it is known.
  };
  void drain_some(std::size_t at_once);
  Milliseconds comeback();

  Context context_;
  std::shared_ptr<ConnectionGroup> group_;
  SessionContext sessions_context_;
  Rest rest_;
  std::unordered_map<std::string, Entry> sessions_;
  std::shared_ptr<void> drain_timer_;
  std::minstd_rand random_;
};

}  // namespace deskwire::publishers
