#include "publishers/token.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/hash.h"
#include "core/json.h"
#include "core/signature_key.h"

namespace deskwire::publishers {

namespace {

using nlohmann::json;

/// Clocks of token makers may be a little ahead of ours.
constexpr std::int64_t kAheadLeewayMs = 60'000;

Result<Claims> read_claims(const json& body, std::int64_t max_life_ms, std::int64_t now_ms) {
  Claims claims;
  claims.client_id = string_at(body, "sub");
  claims.name = string_at(body, "name");
  claims.role = string_at(body, "role", "customer");
  if (claims.client_id.empty() || claims.client_id.size() > kMaxClientIdBytes) {
    return token_refused("claim sub is not a text of 1..128 bytes");
  }
  if (claims.name.size() > kMaxNameBytes) return token_refused("claim name is too long");
  if (claims.role != "customer" && claims.role != "agent") {
    return token_refused("claim role is neither customer nor agent");
  }
  if (const auto cap = body.find("cap"); cap != body.end()) {
    auto capability = capability_of(*cap);
    if (!capability) return token_refused("claim cap is no capability");
    claims.capability = std::move(*capability);
  }
  const auto times = times_of(body, {kAheadLeewayMs, 0, max_life_ms}, now_ms);
  if (!times) return fail(times.error());
  claims.issued_ms = times->issued_ms;
  claims.expires_ms = times->expires_ms;
  const auto precise = integer_at(body, "iat_ms");
  if (precise && *precise / 1000 * 1000 == claims.issued_ms) claims.issued_ms = *precise;
  return claims;
}

}  // namespace

Result<Capability> capability_of(const json& value) {
  if (!value.is_object()) return fail(ErrorCode::kInvalid, "capability: is no object");
  Capability capability;
  for (const auto& [resource, operations] : value.items()) {
    if (!operations.is_array()) {
      return fail(ErrorCode::kInvalid, "capability: the operations of a channel are no list");
    }
    std::vector<std::string>& list = capability[resource];
    for (const json& operation : operations) {
      if (!operation.is_string()) {
        return fail(ErrorCode::kInvalid, "capability: an operation is no text");
      }
      list.push_back(operation.get<std::string>());
    }
  }
  if (Status valid = validate_capability(capability); !valid) return fail(valid.error());
  return capability;
}

std::string sign_token(const Claims& claims, const config::SigningKey& key) {
  const json header = {{"alg", "HS256"}, {"kid", key.kid}, {"typ", "JWT"}};
  const json body = {
      {"sub", claims.client_id},
      {"name", claims.name},
      {"role", claims.role},
      {"iat", claims.issued_ms / 1000},
      {"iat_ms", claims.issued_ms},
      {"exp", claims.expires_ms / 1000},
      {"cap", json(claims.capability)},
  };
  std::string token = base64url_encode(dump_json(header)) + "." + base64url_encode(dump_json(body));
  const std::string signature = hmac(HashAlgorithm::kSha256, key.secret.reveal(), token);
  return token + "." + base64url_encode(signature);
}

Result<Claims> verify_token(const Jwt& token, const std::vector<config::SigningKey>& keys,
                            std::int64_t now_ms, std::int64_t max_life_ms) {
  // The key decides the algorithm, the token may only agree: "none" and others never verify.
  if (token.algorithm != name_of(SignatureAlgorithm::kHs256)) {
    return token_refused("algorithm is not HS256");
  }
  const auto named = std::find_if(keys.begin(), keys.end(), [&](const config::SigningKey& one) {
    return one.kid == token.kid;
  });
  if (named == keys.end()) return token_refused("unknown kid");
  const auto key = SignatureKey::from_secret(named->secret.reveal());
  if (!key) return token_refused("the key is too short");
  if (!key->verify(token.signed_text, token.signature)) return token_refused("bad signature");
  auto claims = read_claims(*token.claims, max_life_ms, now_ms);
  if (claims) claims->key = key->fingerprint();
  return claims;
}

Result<Claims> verify_token(std::string_view token, const std::vector<config::SigningKey>& keys,
                            std::int64_t now_ms, std::int64_t max_life_ms) {
  const auto jwt = parse_jwt(token);
  if (!jwt) return fail(jwt.error());
  return verify_token(*jwt, keys, now_ms, max_life_ms);
}

std::uint64_t fingerprint_of(const config::SigningKey& key) {
  const auto usable = SignatureKey::from_secret(key.secret.reveal());
  return usable ? usable->fingerprint() : 0;
}

}  // namespace deskwire::publishers
