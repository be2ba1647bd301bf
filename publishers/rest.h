#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "config/config.h"
#include "core/clock.h"
#include "core/net/http_server.h"
#include "core/snapshot.h"
#include "jobs/alert_desk.h"
#include "publishers/access.h"
#include "publishers/client_rates.h"
#include "publishers/codes.h"
#include "publishers/exchange.h"
#include "publishers/gatekeeper.h"
#include "publishers/gateway.h"
#include "publishers/local_hub.h"
#include "publishers/operations.h"
#include "publishers/rest_stream.h"
#include "publishers/session_counts.h"

namespace deskwire::publishers {

/// The gateway's REST on one loop (contract §4): messages, presence, long poll and SSE of channels,
/// SLA clocks and alerts, tokens, sandbox sessions, and the pages.
///
/// Loop thread only.
class Rest {
 public:
  struct Context {
    const config::Config& config;                ///< As of the start.
    const Snapshot<const config::Config>& live;  ///< Of now.
    const Clock& clock;
    Gatekeeper& gatekeeper;
    LocalHub& hub;
    Operations& operations;
    jobs::AlertDesk& alerts;
    ClientRates& rates;
    SessionCounts& counts;
    const std::map<std::string, Page>& pages;
  };
  explicit Rest(const Context& context);

  void handle(net::HttpRequest&& request, net::HttpResponder responder);
  /// Ends SSE streams and long polls; clients come back.
  void end_streams() { streams_.end_all(); }
  /// Ends those of a token or key that is not good any more.
  void check_admissions() { streams_.check_admissions(context_.gatekeeper); }

 private:
  /// Shared, because who asks may have to be looked up first.
  using RequestPtr = std::shared_ptr<const net::HttpRequest>;
  struct ChannelRequest {
    const net::HttpRequest& request;
    std::string channel;
    Principal principal;
    Exchange exchange;
  };

  void route(const RequestPtr& request, const Exchange& exchange);
  /// Calls `allowed` with who asks, now or later, or refuses.
  void with_principal(const RequestPtr& request, const Exchange& exchange,
                      std::function<void(Principal)> allowed);
  void channel_route(const RequestPtr& request, const Exchange& exchange);
  void channel_request(const ChannelRequest& asked, std::string_view what);
  void post_message(const ChannelRequest& asked);
  void send_message(const ChannelRequest& asked, nlohmann::json body, std::string_view key);
  void get_messages(const ChannelRequest& asked);
  void get_presence(const ChannelRequest& asked);
  /// @errors 42910: as many answers stay open as may.
  Answer<Listening> listening(const ChannelRequest& asked) const;
  void get_poll(const ChannelRequest& asked);
  void get_events(const ChannelRequest& asked);
  void sla_route(const RequestPtr& request, const Exchange& exchange);
  void get_clocks(const net::HttpRequest& request, const Principal& principal,
                  const Exchange& exchange);
  void post_alert(const net::HttpRequest& request, const Principal& principal,
                  const Exchange& exchange);
  void post_token(const net::HttpRequest& request, const Principal& principal,
                  const Exchange& exchange);
  void post_sandbox_session(const net::HttpRequest& request, const Exchange& exchange);
  void refuse_handshake(const net::HttpRequest& request, const Exchange& exchange);
  bool get_page(const net::HttpRequest& request, const Exchange& exchange);
  std::optional<Refusal> over_rate(const Principal& principal);

  Context context_;
  RestStreams streams_;
};

/// The body as a JSON object; `optional`: none is an empty one.
Answer<nlohmann::json> json_body(const net::HttpRequest& request, bool optional);

/// Percent-decodes a path segment; nullopt when an escape is broken.
std::optional<std::string> decode_segment(std::string_view segment);

}  // namespace deskwire::publishers
