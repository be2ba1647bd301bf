// The gateway's REST about SLA clocks and alerts.
#include <chrono>
#include <nlohmann/json.hpp>

#include "core/json.h"
#include "core/timestamp.h"
#include "publishers/rest.h"

namespace deskwire::publishers {
namespace {

using nlohmann::json;

constexpr std::string_view kAlerts = "/v1/sla/alerts/";
constexpr std::string_view kOnCall = "oncall";
constexpr std::int64_t kDefaultSnoozeS = 1800;
constexpr std::int64_t kLongestSnoozeS = 7LL * 86400;
constexpr std::size_t kMaxEventId = 64;
constexpr std::size_t kMaxName = 256;

std::optional<jobs::AlertVerb> verb_of(std::string_view word) {
  for (const auto verb :
       {jobs::AlertVerb::kAcknowledge, jobs::AlertVerb::kUnacknowledge, jobs::AlertVerb::kSnooze}) {
    if (word == name_of(verb)) return verb;
  }
  return std::nullopt;
}

/// Until when, or how long: `until` as an ISO 8601 time, `duration_s`, or half an hour.
std::optional<Refusal> take_snooze(const json& body, std::int64_t now_ms,
                                   jobs::AlertChange& change) {
  std::int64_t lasts_s = integer_at(body, "duration_s").value_or(0);
  const char* field = "duration_s";
  if (body.contains("until")) {
    field = "until";
    change.until_ms = parse_iso8601_ms(string_at(body, "until")).value_or(0);
    lasts_s = (change.until_ms - now_ms + 999) / 1000;
  } else if (!body.contains("duration_s")) {
    lasts_s = kDefaultSnoozeS;
  }
  change.lasts = std::chrono::seconds(lasts_s);
  if (lasts_s >= 1 && lasts_s <= kLongestSnoozeS) return std::nullopt;
  return Refusal{ReplyCode::kBadField,
                 "a snooze lasts from 1 second to 7 days: give duration_s, or until as "
                 "2026-11-20T10:00:00Z",
                 field};
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
    const auto refusal = take_snooze(*body, context_.clock.wall_ms(), change);
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
