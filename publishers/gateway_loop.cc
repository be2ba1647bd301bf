#include "publishers/gateway_loop.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/log.h"
#include "publishers/client_address.h"

namespace deskwire::publishers {

namespace {
constexpr Milliseconds kDrainTick{50};
}  // namespace

GatewayLoop::GatewayLoop(const Context& context)
    : context_(context),
      group_(std::make_shared<ConnectionGroup>(context.hub.loop())),
      sessions_context_{context.config.gateway, context.clock, context.gatekeeper, context.hub,
                        context.operations,     *this},
      rest_({context.config, context.live, context.clock, context.gatekeeper, context.hub,
             context.operations, context.alerts, context.rates, context.counts, context.pages}),
      random_(std::random_device{}()) {}

void GatewayLoop::accept(const net::HttpRequest& request, std::unique_ptr<net::Stream> stream,
                         std::string response, std::string leftover) {
  const std::string address = client_address(request, context_.config.gateway);
  auto connection =
      std::make_shared<Connection>(std::move(stream), group_, context_.connections, context_.clock);
  const auto session = std::make_shared<PlainSession>(sessions_context_, std::move(connection),
                                                      request.query("batch") == "1");
  const bool admitted = context_.counts.admit(address, context_.clock.monotonic());
  sessions_.emplace(session->id(), Entry{session, admitted ? address : std::string(), {}});
  if (!admitted || context_.draining) {
    session->start(std::move(response), {}, {});
    if (admitted) {
      session->end(CloseCode::kDraining, "draining", comeback());
    } else {
      session->end(CloseCode::kTooManyConnections, "too many connections");
    }
    return;
  }
  std::string token = request.query("token");
  if (token.empty()) token = bearer_of(request);
  session->start(std::move(response), std::move(leftover), token);
}

bool GatewayLoop::on_session_connected(const std::string& id, const std::string& client_id) {
  const auto entry = sessions_.find(id);
  if (entry == sessions_.end() || !context_.counts.admit_client(client_id)) return false;
  entry->second.client_id = client_id;
  return true;
}

void GatewayLoop::on_session_closed(const std::string& id, std::uint16_t code) {
  const auto entry = sessions_.find(id);
  if (entry == sessions_.end()) return;
  if (!entry->second.address.empty()) context_.counts.release(entry->second.address);
  if (!entry->second.client_id.empty()) context_.counts.release_client(entry->second.client_id);
  context_.metrics
      .counter("deskwire_sessions_closed_total", "Closed sessions by close code",
               {{"code", label_of(code)}})
      .add();
  log::debug("session_closed", {{"session", id}, {"code", int{code}}});
  sessions_.erase(entry);
}

void GatewayLoop::check_admissions() {
  // Ends are posted by the connections: nothing leaves the map meanwhile.
  for (const auto& [id, entry] : sessions_) entry.session->check_admission();
  rest_.check_admissions();
}

void GatewayLoop::drain(Milliseconds period) {
  rest_.end_streams();
  const auto ticks = static_cast<std::size_t>(std::max<std::int64_t>(period / kDrainTick, 1));
  drain_some((sessions_.size() + ticks - 1) / ticks);
}

/// When a client that is sent away should come back: they must not do so together.
Milliseconds GatewayLoop::comeback() {
  const auto latest = std::int64_t{context_.config.gateway.drain.count()};
  return Milliseconds(std::uniform_int_distribution<std::int64_t>(0, latest)(random_));
}

void GatewayLoop::drain_some(std::size_t at_once) {
  std::vector<std::shared_ptr<PlainSession>> batch;
  for (const auto& [id, entry] : sessions_) {
    if (batch.size() == at_once) break;
    if (entry.session->is_open()) batch.push_back(entry.session);
  }
  for (const auto& session : batch) session->end(CloseCode::kDraining, "draining", comeback());
  if (batch.empty()) return;
  drain_timer_ = context_.hub.loop().after(kDrainTick, [this, at_once] { drain_some(at_once); });
}

}  // namespace deskwire::publishers
