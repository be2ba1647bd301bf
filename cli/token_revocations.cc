#include "cli/token_revocations.h"

#include <charconv>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "cli/admin_request.h"
#include "cli/admin_response.h"
#include "cli/time_text.h"
#include "core/json.h"
#include "jobs/audit_note.h"
#include "publishers/token.h"

namespace deskwire::cli {
namespace {

using net::HttpRequest;
using net::HttpResponse;
using nlohmann::json;

constexpr std::string_view kPath = "/v1/tokens/revocations";
constexpr std::size_t kMaxListed = 1000;

HttpResponse list(const HttpRequest& request, redis::Client& client) {
  std::size_t limit = 100;
  if (const std::string text = request.query("limit"); !text.empty()) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
    const bool whole = error == std::errc() && end == text.data() + text.size();
    if (!whole || limit < 1 || limit > kMaxListed) {
      return net::error_response(40001, "limit: is not 1..1000", "limit");
    }
  }
  const auto found = publishers::list_revocations(client, limit);
  if (!found) return error_of(found.error());
  json items = json::array();
  for (const publishers::Revocation& one : *found) items.push_back(to_json(one));
  return json_response(200, {{"revocations", std::move(items)}});
}

HttpResponse add(const HttpRequest& request, redis::Client& client, const config::Gateway& settings,
                 std::int64_t now_ms) {
  const auto body = body_of(request, {{"clientId"}, {"issuedBefore", BodyField::Type::kId}});
  if (!body) return error_of(body.error());
  const jobs::Operator by = operator_of(request, *body);
  const auto revoked = revoke_tokens(
      client, {string_at(*body, "clientId"), id_at(*body, "issuedBefore").value_or("")}, by,
      settings, now_ms);
  if (!revoked) return error_of(revoked.error());
  return json_response(200, to_json(*revoked));
}

}  // namespace

Result<publishers::Revocation> revoke_tokens(redis::Client& client, const RevocationOrder& order,
                                             const jobs::Operator& by,
                                             const config::Gateway& settings, std::int64_t now_ms) {
  publishers::Revocation revocation;
  revocation.client_id = order.client_id;
  revocation.actor = by.actor;
  revocation.reason = by.reason;
  if (order.client_id.size() > publishers::kMaxClientIdBytes) {
    return fail(ErrorCode::kInvalid, "client: is over 128 bytes");
  }
  if (order.issued_before.empty()) {
    if (order.client_id.empty()) {
      return fail(ErrorCode::kInvalid, "name a client, a moment, or both");
    }
    revocation.issued_until_ms = now_ms;
  } else {
    const auto moment = parse_since(order.issued_before, now_ms);
    if (!moment) return fail(Error(moment.error()).prefixed("issued before"));
    if (*moment > now_ms) {
      return fail(ErrorCode::kInvalid,
                  "issued before: lies ahead; nobody could connect until then");
    }
    revocation.issued_until_ms = *moment - 1;
  }
  const jobs::AuditNote note{
      "revoke_tokens", "client", order.client_id.empty() ? "*" : order.client_id, "",
      by.actor,        by.reason};
  if (Status noted = jobs::write_audit_note(client, "", note); !noted) return fail(noted.error());
  const Milliseconds life = std::chrono::seconds(settings.max_token_life_s);
  if (Status stored = publishers::store_revocation(client, revocation, life); !stored) {
    return fail(stored.error());
  }
  revocation.at_ms = now_ms;
  revocation.kept_until_ms = now_ms + life.count();
  return revocation;
}

json to_json(const publishers::Revocation& revocation) {
  json out = {{"issuedUntil", revocation.issued_until_ms},
              {"at_ms", revocation.at_ms},
              {"kept_until_ms", revocation.kept_until_ms},
              {"actor", revocation.actor},
              {"reason", revocation.reason}};
  if (!revocation.client_id.empty()) out["clientId"] = revocation.client_id;
  return out;
}

AdminDoor::Routes token_routes(const config::Gateway& settings, redis::Client& client,
                               const Clock& clock) {
  return [&settings, &client, &clock](const HttpRequest& request) -> std::optional<HttpResponse> {
    if (request.path() != kPath) return std::nullopt;
    if (request.method == "GET" || request.method == "HEAD") return list(request, client);
    if (request.method == "POST") return add(request, client, settings, clock.wall_ms());
    return method_not_allowed("GET, POST");
  };
}

}  // namespace deskwire::cli
