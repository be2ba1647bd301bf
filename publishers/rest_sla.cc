// The gateway's REST about SLA clocks and alerts.
#include <nlohmann/json.hpp>

#include "core/json.h"
#include "publishers/rest.h"
#include "publishers/snooze.h"

namespace deskwire::publishers {
namespace {

using nlohmann::json;

constexpr std::string_view kAlerts = "/v1/sla/alerts/";
constexpr std::string_view kOnCall = "oncall";
constexpr std::size_t kMaxEventId = 64;
constexpr std::size_t kMaxName = 256;

std::optional<jobs::AlertVerb> verb_of(std::string_view word) {
  for (const auto verb :
       {jobs::AlertVerb::kAcknowledge, jobs::AlertVerb::kUnacknowledge, jobs::AlertVerb::kSnooze}) {
    if (word == name_of(verb)) return verb;
  }
  return std::nullopt;
}

}  // namespace

void Rest::sla_route(const RequestPtr& asked, const Exchange& exchange) {
  const bool lists = asked->path() == "/v1/sla/clocks";
  if (!lists && !asked->path().starts_with(kAlerts)) {
    return exchange.refuse({ReplyCode::kNotFound, "no such address"});
  }
  // Never by GET: what previews links would acknowledge alerts.
  const char* const method = lists ? "GET" : "POST";
  if (asked->method != method) return exchange.allow_only(method);
  with_principal(asked, exchange, [this, asked, exchange, lists](const Principal& principal) {
    if (lists) return get_clocks(*asked, principal, exchange);
    post_alert(*asked, principal, exchange);
  });
}

void Rest::get_clocks(const net::HttpRequest& request, const Principal& principal,
                      const Exchange& exchange) {
  if (!principal.can(kOnCall, "subscribe")) {
    return exchange.refuse(denied("subscribe", kOnCall));
  }
  context_.alerts.list_async(request.query("conversation"),
                             LoopGate::returning<Result<std::string>>(
                                 context_.hub.gate(), [exchange](const Result<std::string>& list) {
                                   if (!list) return exchange.refuse(refusal_of(list.error()));
                                   exchange.send(200, *list);
                                 }));
}

void Rest::post_alert(const net::HttpRequest& request, const Principal& principal,
                      const Exchange& exchange) {
  const std::string_view rest = request.path().substr(kAlerts.size());
  const std::size_t slash = rest.find('/');
  const auto verb =
      slash == std::string_view::npos ? std::nullopt : verb_of(rest.substr(slash + 1));
  if (!verb || slash == 0 || slash > kMaxEventId) {
    return exchange.refuse({ReplyCode::kNotFound, "no such address"});
  }
  if (!principal.can(kOnCall, "sla")) return exchange.refuse(denied("sla", kOnCall));
  const auto body = json_body(request, true);
  if (!body) return exchange.refuse(body.error());
  jobs::AlertChange change;
  change.event_id = rest.substr(0, slash);
  change.verb = *verb;
  const Claims& claims = principal.claims;
  change.by = principal.server ? string_at(*body, "by", "server") : claims.name;
  if (change.by.empty()) change.by = claims.client_id;
  if (change.by.size() > kMaxName) {
    return exchange.refuse({ReplyCode::kBadField, "by is over 256 bytes", "by"});
  }
  change.reason = string_at(*body, "reason");
  if (*verb == jobs::AlertVerb::kSnooze) {
    const auto refusal = read_snooze(*body, context_.clock.wall_ms(), change);
    if (refusal) return exchange.refuse(*refusal);
  }
  context_.alerts.change_async(
      std::move(change), LoopGate::returning<Result<std::string>>(
                             context_.hub.gate(), [exchange](const Result<std::string>& done) {
                               if (!done) return exchange.refuse(refusal_of(done.error()));
                               exchange.send(200, *done);
                             }));
}

}  // namespace deskwire::publishers
