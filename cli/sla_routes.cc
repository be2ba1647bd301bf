#include "cli/sla_routes.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "cli/admin_response.h"
#include "core/json.h"
#include "publishers/snooze.h"

namespace deskwire::cli {
namespace {

using net::HttpRequest;
using net::HttpResponse;
using nlohmann::json;

constexpr std::string_view kClocks = "/v1/sla/clocks";
constexpr std::string_view kAlerts = "/v1/sla/alerts/";

HttpResponse answer_of(const Result<std::string>& result) {
  if (!result) return error_of(result.error());
  HttpResponse response;
  response.body = *result;
  return response;
}

HttpResponse change_alert(jobs::AlertDesk& alerts, const Clock& clock, const HttpRequest& request) {
  const std::string_view rest = request.path().substr(kAlerts.size());
  const std::size_t slash = rest.find('/');
  jobs::AlertChange change;
  bool known = false;
  for (const auto verb :
       {jobs::AlertVerb::kAcknowledge, jobs::AlertVerb::kUnacknowledge, jobs::AlertVerb::kSnooze}) {
    if (slash == std::string_view::npos || rest.substr(slash + 1) != name_of(verb)) continue;
    known = true;
    change.verb = verb;
  }
  if (!known) return net::error_response(40400, "no such path");
  if (request.method != "POST") return method_not_allowed("POST");
  json body = json::object();
  if (!request.body.empty()) {
    auto parsed = parse_json(request.body);
    if (!parsed || !parsed->is_object()) {
      return net::error_response(40020, "the body is not a JSON object");
    }
    body = std::move(*parsed);
  }
  change.event_id = rest.substr(0, slash);
  const std::string actor = string_at(body, "actor");
  change.by = actor.empty() ? "admin:" + request.peer_address : actor;
  change.reason = string_at(body, "reason");
  if (change.verb == jobs::AlertVerb::kSnooze) {
    const auto refusal = publishers::read_snooze(body, clock.wall_ms(), change);
    if (refusal) {
      return net::error_response(static_cast<int>(refusal->code), refusal->message, refusal->field);
    }
  }
  return answer_of(alerts.change(change));
}

}  // namespace

AdminDoor::Routes sla_routes(jobs::AlertDesk& alerts, const Clock& clock) {
  return [&alerts, &clock](const HttpRequest& request) -> std::optional<HttpResponse> {
    if (request.path().starts_with(kAlerts)) return change_alert(alerts, clock, request);
    if (request.path() != kClocks) return std::nullopt;
    if (request.method != "GET") return method_not_allowed("GET");
    return answer_of(alerts.list(request.query("conversation")));
  };
}

}  // namespace deskwire::cli
