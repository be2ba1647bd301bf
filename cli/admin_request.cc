#include "cli/admin_request.h"

#include <nlohmann/json.hpp>
#include <string>

#include "core/json.h"

namespace deskwire::cli {

using nlohmann::json;

bool is_read(const net::HttpRequest& request) {
  return request.method == "GET" || request.method == "HEAD";
}

Result<json> body_of(const net::HttpRequest& request) {
  if (request.body.empty()) return json::object();
  auto parsed = parse_json(request.body);
  if (parsed && parsed->is_object()) return parsed;
  return fail(ErrorCode::kInvalid, "the body is not a JSON object");
}

jobs::Operator operator_of(const net::HttpRequest& request, const json& body) {
  const std::string door = "admin:" + request.peer_address;
  const std::string actor = string_at(body, "actor");
  return {actor.empty() ? door : actor + " via " + door, string_at(body, "reason")};
}

}  // namespace deskwire::cli
