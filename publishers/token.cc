#include "publishers/token.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "core/hash.h"
#include "core/json.h"

namespace deskwire::publishers {

namespace {

constexpr std::size_t kMaxTokenBytes = 16384;
constexpr std::size_t kMaxClientId = 128;
constexpr std::size_t kMaxName = 256;
constexpr std::size_t kMinKeyBytes = 32;
/// Clocks of token makers may be a little ahead of ours.
constexpr std::int64_t kIssuedLeewayMs = 60'000;

tl::unexpected<Error> refused(std::string_view why) {
  return fail(ErrorCode::kUnauthorized, "token refused: " + std::string(why));
}

std::optional<nlohmann::json> decode_part(std::string_view part) {
  const auto text = base64url_decode(part);
  if (!text) return std::nullopt;
  auto parsed = parse_json(*text, JsonLimits{kMaxTokenBytes, 8, false, true});
  if (!parsed || !parsed->is_object()) return std::nullopt;
  return std::move(*parsed);
}

std::optional<std::int64_t> seconds_at(const nlohmann::json& claims, std::string_view key) {
  // 1e11 seconds is the year 5138; beyond it the milliseconds could overflow.
  const auto seconds = integer_at(claims, key);
  if (!seconds || *seconds < 0 || *seconds > 100'000'000'000) return std::nullopt;
  return *seconds * 1000;
}

std::optional<Capability> read_capability(const nlohmann::json& claims) {
  const auto found = claims.find("cap");
  if (found == claims.end()) return Capability{};
  if (!found->is_object()) return std::nullopt;
  Capability capability;
  for (const auto& [resource, operations] : found->items()) {
    if (!operations.is_array()) return std::nullopt;
    std::vector<std::string>& list = capability[resource];
    for (const nlohmann::json& operation : operations) {
      if (!operation.is_string()) return std::nullopt;
      list.push_back(operation.get<std::string>());
    }
  }
  if (!validate_capability(capability)) return std::nullopt;
  return capability;
}

Result<Claims> read_claims(const nlohmann::json& json, std::int64_t now_ms) {
  Claims claims;
  claims.client_id = string_at(json, "sub");
  claims.name = string_at(json, "name");
  claims.role = string_at(json, "role", "customer");
  if (claims.client_id.empty() || claims.client_id.size() > kMaxClientId) {
    return refused("claim sub is not a text of 1..128 bytes");
  }
  if (claims.name.size() > kMaxName) return refused("claim name is too long");
  if (claims.role != "customer" && claims.role != "agent") {
    return refused("claim role is neither customer nor agent");
  }
  const auto expires = seconds_at(json, "exp");
  if (!expires) return refused("claim exp is missing or out of range");
  claims.expires_ms = *expires;
  if (json.contains("iat")) {
    const auto issued = seconds_at(json, "iat");
    if (!issued) return refused("claim iat is out of range");
    if (*issued > now_ms + kIssuedLeewayMs) return refused("issued in the future");
    claims.issued_ms = *issued;
  }
  auto capability = read_capability(json);
  if (!capability) return refused("claim cap is no capability");
  claims.capability = std::move(*capability);
  if (claims.expires_ms <= now_ms) {
    return fail(ErrorCode::kStale, "token refused: expired");
  }
  return claims;
}

}  // namespace

std::string sign_token(const Claims& claims, const config::SigningKey& key) {
  const nlohmann::json header = {{"alg", "HS256"}, {"kid", key.kid}, {"typ", "JWT"}};
  const nlohmann::json body = {
      {"sub", claims.client_id},
      {"name", claims.name},
      {"role", claims.role},
      {"iat", claims.issued_ms / 1000},
      {"exp", claims.expires_ms / 1000},
      {"cap", nlohmann::json(claims.capability)},
  };
  std::string token = base64url_encode(dump_json(header)) + "." + base64url_encode(dump_json(body));
  const std::string signature = hmac(HashAlgorithm::kSha256, key.secret.reveal(), token);
  return token + "." + base64url_encode(signature);
}

Result<Claims> verify_token(std::string_view token, const std::vector<config::SigningKey>& keys,
                            std::int64_t now_ms) {
  if (token.size() > kMaxTokenBytes) return refused("too long");
  const std::size_t first = token.find('.');
  const std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) {
    return refused("not of the form header.claims.signature");
  }
  const auto header = decode_part(token.substr(0, first));
  if (!header) return refused("the header cannot be read");
  // The key decides the algorithm, the token may only agree: "none" and others never verify.
  if (string_at(*header, "alg") != "HS256") return refused("algorithm is not HS256");
  const std::string kid = string_at(*header, "kid");
  const auto key = std::find_if(keys.begin(), keys.end(),
                                [&](const config::SigningKey& one) { return one.kid == kid; });
  if (key == keys.end()) return refused("unknown kid");
  if (key->secret.reveal().size() < kMinKeyBytes) return refused("the key is too short");
  const auto signature = base64url_decode(token.substr(second + 1));
  if (!signature ||
      !constant_time_equal(*signature, hmac(HashAlgorithm::kSha256, key->secret.reveal(),
                                            token.substr(0, second)))) {
    return refused("bad signature");
  }
  const auto body = decode_part(token.substr(first + 1, second - first - 1));
  if (!body) return refused("the claims cannot be read");
  return read_claims(*body, now_ms);
}

}  // namespace deskwire::publishers
