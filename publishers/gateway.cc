#include "publishers/gateway.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "core/log.h"
#include "core/net/http_server.h"
#include "core/net/tls.h"
#include "core/snapshot.h"
#include "publishers/gatekeeper.h"
#include "publishers/gateway_loop.h"
#include "publishers/hub.h"
#include "publishers/operations.h"
#include "publishers/presence.h"
#include "publishers/revocation_feed.h"
#include "publishers/websocket_handshake.h"

namespace deskwire::publishers {

namespace {

constexpr int kMaxLoops = 64;  // Hub::Channel keeps a bit for each.
constexpr std::size_t kMaxBody = 1U << 20U;
/// Sockets beyond the sessions, for REST.
constexpr std::size_t kHttpConnections = 4000;
/// A revocation must reach every session within a second.
constexpr Milliseconds kRevocationLook{250};
/// How often drain() looks whether the farewells have left.
constexpr Milliseconds kDrainLook{10};

int loops_wanted(const config::Gateway& settings) {
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  return std::clamp(settings.threads > 0 ? settings.threads : cores, 1, kMaxLoops);
}

/// Null without TLS, and when the files are no good: `status` then says why.
std::shared_ptr<net::TlsContext> load_tls(const config::Tls& settings, Status& status) {
  if (!settings.enabled()) return nullptr;
  auto context =
      net::TlsContext::load(settings.cert_file, settings.key_file, settings.handshake_timeout);
  if (context) return std::move(*context);
  status = fail(std::move(context.error()).prefixed("gateway.tls"));
  return nullptr;
}

}  // namespace

// DESIGN
// One HttpServer with a loop per core; a session stays on its loop for life. Per loop a GatewayLoop
// (sessions, REST) over a LocalHub (subscriptions); one Hub for the process feeds them. Order of
// life: the loops outlive the hub's use of them, the hub outlives the sessions.
class Gateway::Impl {
 public:
  Impl(const config::Config& config, redis::Client& client, redis::Client::Options bus,
       ChannelLog& log, jobs::JobStore& store, const Clock& clock, Metrics& metrics,
       RightsServiceFactory rights, std::map<std::string, Page> pages)
      : config_(config),
        pages_(std::move(pages)),
        counts_(config_.gateway, metrics),
        gatekeeper_(config_.gateway, std::move(rights), clock, metrics),
        tls_(load_tls(config_.gateway.tls, tls_status_)),
        presence_(client, config_.gateway.presence_ttl),
        live_(std::make_shared<const config::Config>(config)),
        operations_(live_, log, store, presence_, clock, metrics),
        alerts_(client,
                ChannelLogLimits{config_.gateway.log_max_events, config_.gateway.log_max_age_s,
                                 config_.gateway.log_max_bytes}),
        server_(
            server_options(),
            [this](net::HttpRequest&& request, const net::HttpResponder& responder) {
              loop_of(responder.loop()).rest().handle(std::move(request), responder);
            },
            [this](net::HttpRequest& request,
                   const std::function<std::unique_ptr<net::Stream>()>& take,
                   std::string leftover) { return upgrade(request, take, std::move(leftover)); },
            [&metrics](const net::HttpRequest& /*so_far*/, int /*status*/,
                       std::string_view reason) {
              metrics
                  .counter("deskwire_gateway_refused_total",
                           "Requests refused before they were routed", {{"reason", reason}})
                  .add();
            }) {
    connections_.max_message_bytes = config_.gateway.max_frame_bytes;
    connections_.max_outbox_bytes = config_.gateway.max_outbox_bytes;
    connections_.ping = config_.gateway.ping;
    connections_.pong_timeout = config_.gateway.pong_timeout;
    connections_.dropped_frames = &metrics.counter(
        "deskwire_outbox_dropped_total", "Droppable frames dropped because a session was too slow");
    const std::vector<net::Loop*> loops = server_.loops();
    if (loops.empty()) return;  // start() says why.
    Hub::Options options;
    options.bus = std::move(bus);
    options.presence_beat = config_.gateway.presence_ttl / 3;
    hub_.emplace(std::move(options), log, presence_, loops, clock, metrics);
    for (net::Loop* loop : loops) {
      loops_.push_back(std::make_unique<GatewayLoop>(GatewayLoop::Context{
          config_, live_, connections_, clock, metrics, counts_, rates_, gatekeeper_, operations_,
          alerts_, hub_->local(*loop), pages_, draining_}));
    }
    revocation_feed_ = std::make_shared<RevocationFeed>(
        client, gatekeeper_.revocations(), clock, kRevocationLook, [this] { check_admissions(); });
  }

  ~Impl() { stop(); }

  Status start() {
    if (!tls_status_) return tls_status_;
    if (Status started = server_.start(); !started) return started;
    alerts_.start();
    hub_->start();
    revocation_feed_->start(*server_.loops().front());
    log::info("gateway_started",
              {{"port", int{server_.port()}}, {"loops", std::uint64_t{loops_.size()}}});
    return {};
  }

  Status reload(const config::Config& config) {
    const config::Gateway& settings = config.gateway;
    if (tls_ && settings.tls.enabled()) {
      if (Status taken = tls_->reload(settings.tls.cert_file, settings.tls.key_file); !taken) {
        return taken;
      }
    }
    if (Status taken = gatekeeper_.reload(settings); !taken) return taken;
    live_.replace(std::make_shared<const config::Config>(config));
    check_admissions();
    return {};
  }

  void drain() {
    if (draining_.exchange(true) || !hub_) return;
    const auto deadline = std::chrono::steady_clock::now() + config_.gateway.drain;
    const Milliseconds period = config_.gateway.drain / 2;
    // The door first: who is sent away comes straight back, to another process if not to this one.
    server_.drain(Milliseconds(0));
    for (std::size_t i = 0; i < loops_.size(); ++i) {
      server_.loops()[i]->post([&loop = *loops_[i], period] { loop.drain(period); });
    }
    while (open() > 0 && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(kDrainLook);
    }
    const auto left = deadline - std::chrono::steady_clock::now();
    server_.drain(std::max(std::chrono::duration_cast<Milliseconds>(left), Milliseconds(0)));
  }

  void stop() {
    alerts_.stop();
    if (revocation_feed_) revocation_feed_->stop();
    gatekeeper_.stop();
    if (hub_) hub_->stop();
    server_.stop();
    if (revocation_feed_) revocation_feed_->forget_loop();
    loops_.clear();
  }

  std::uint16_t port() const { return server_.port(); }

 private:
  /// From any thread, between start and stop.
  void check_admissions() {
    for (std::size_t i = 0; i < loops_.size(); ++i) {
      server_.loops()[i]->post([&loop = *loops_[i]] { loop.check_admissions(); });
    }
  }

  net::HttpServer::Options server_options() const {
    net::HttpServer::Options options;
    options.name = "ws";
    options.listen = config_.gateway.listen;
    options.listen_key = "gateway.listen";
    options.hosts = config_.gateway.hosts;
    options.threads = loops_wanted(config_.gateway);
    options.max_body_bytes = kMaxBody;
    options.tls = tls_;
    // Room to tell a client over the limit why it is refused.
    options.max_connections = config_.gateway.max_sessions + kHttpConnections;
    return options;
  }

  std::size_t open() const {
    std::size_t sum = 0;
    for (const auto& loop : loops_) sum += loop->open();
    return sum;
  }

  GatewayLoop& loop_of(const net::Loop& loop) {
    const std::vector<net::Loop*> loops = server_.loops();
    const auto found = std::find(loops.begin(), loops.end(), &loop);
    return *loops_[static_cast<std::size_t>(found - loops.begin())];
  }

  bool upgrade(net::HttpRequest& request, const std::function<std::unique_ptr<net::Stream>()>& take,
               std::string leftover) {
    if (request.path() != "/v1/ws" || !origin_allowed(request, config_.gateway)) return false;
    Handshake handshake = check_handshake(request);
    if (handshake.status != 101) return false;
    std::unique_ptr<net::Stream> stream = take();
    GatewayLoop& loop = loop_of(stream->loop());
    loop.accept(request, std::move(stream), std::move(handshake.response), std::move(leftover));
    return true;
  }

  const config::Config config_;  ///< As of the start.
  const std::map<std::string, Page> pages_;
  ConnectionSettings connections_;
  std::atomic<bool> draining_{false};
  SessionCounts counts_;
  ClientRates rates_{config_.gateway};
  Gatekeeper gatekeeper_;
  Status tls_status_;  ///< For start().
  const std::shared_ptr<net::TlsContext> tls_;
  Presence presence_;
  Snapshot<const config::Config> live_;
  Operations operations_;
  jobs::AlertDesk alerts_;
  net::HttpServer server_;
  std::optional<Hub> hub_;
  std::vector<std::unique_ptr<GatewayLoop>> loops_;
  std::shared_ptr<RevocationFeed> revocation_feed_;
};

Gateway::Gateway(const config::Config& config, redis::Client& client,
                 redis::Client::Options bus_options, ChannelLog& log, jobs::JobStore& store,
                 const Clock& clock, Metrics& metrics, RightsServiceFactory rights,
                 std::map<std::string, Page> pages)
    : impl_(std::make_unique<Impl>(config, client, std::move(bus_options), log, store, clock,
                                   metrics, std::move(rights), std::move(pages))) {}
Gateway::~Gateway() = default;

Status Gateway::start() { return impl_->start(); }
Status Gateway::reload(const config::Config& config) { return impl_->reload(config); }
void Gateway::drain() { impl_->drain(); }
void Gateway::stop() { impl_->stop(); }
std::uint16_t Gateway::port() const { return impl_->port(); }

}  // namespace deskwire::publishers
