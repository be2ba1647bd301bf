#include "publishers/issuer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "core/channel.h"
#include "core/json.h"

namespace deskwire::publishers {

namespace {

using nlohmann::json;

constexpr std::string_view kPlaceholder = "{clientId}";

bool lists(const std::vector<std::string>& wanted, const json& value) {
  return value.is_string() && std::find(wanted.begin(), wanted.end(),
                                        value.get_ref<const std::string&>()) != wanted.end();
}

/// A claim that may be a text or a list of texts.
bool holds_any(const std::vector<std::string>& wanted, const json& claim) {
  if (!claim.is_array()) return lists(wanted, claim);
  return std::any_of(claim.begin(), claim.end(),
                     [&](const json& one) { return lists(wanted, one); });
}

std::optional<std::string> id_of(const json& claim) { return id_at(json{{"id", claim}}, "id"); }

}  // namespace

Capability fill_template(const Capability& pattern, const std::string& client_id) {
  const std::string id = channel_safe_id(client_id);
  Capability filled;
  for (const auto& [resource, operations] : pattern) {
    std::string name = resource;
    for (std::size_t at = name.find(kPlaceholder); at != std::string::npos;
         at = name.find(kPlaceholder, at + id.size())) {
      name.replace(at, kPlaceholder.size(), id);
    }
    filled[std::move(name)] = operations;
  }
  return filled;
}

Issuer::Issuer(config::Issuer settings, std::int64_t max_life_ms,
               std::vector<NamedSignatureKey> keys)
    : settings_(std::move(settings)), max_life_ms_(max_life_ms), keys_(std::move(keys)) {}

Result<Issuer> Issuer::make(const config::Issuer& settings, std::int64_t max_life_ms) {
  std::vector<NamedSignatureKey> keys;
  for (const config::IssuerKey& one : settings.keys) {
    auto key = one.algorithm == SignatureAlgorithm::kHs256
                   ? SignatureKey::from_secret(one.secret.reveal())
                   : SignatureKey::from_pem(one.algorithm, one.public_key.reveal());
    if (!key) return fail(std::move(key.error()).prefixed("issuer " + settings.name + ": key"));
    keys.push_back({one.kid, std::move(*key)});
  }
  if (!settings.jwks.empty()) {
    auto set = parse_jwks(settings.jwks.reveal());
    if (!set) return fail(std::move(set.error()).prefixed("issuer " + settings.name + ": jwks"));
    for (NamedSignatureKey& key : *set) keys.push_back(std::move(key));
  }
  return Issuer(settings, max_life_ms, std::move(keys));
}

bool Issuer::is_named_by(const Jwt& token) const {
  return settings_.issuer.empty() || string_at(*token.claims, "iss") == settings_.issuer;
}

Result<std::uint64_t> Issuer::signed_by(const Jwt& token) const {
  bool knows_kid = false;
  bool fits = false;
  for (const NamedSignatureKey& one : keys_) {
    if (!one.kid.empty() && !token.kid.empty() && one.kid != token.kid) continue;
    knows_kid = true;
    if (name_of(one.key.algorithm()) != token.algorithm) continue;
    fits = true;
    if (one.key.verify(token.signed_text, token.signature)) return one.key.fingerprint();
  }
  if (!knows_kid) return token_refused("unknown kid");
  return token_refused(fits ? "bad signature" : "algorithm is not the key's");
}

bool Issuer::is_for_us(const json& claims) const {
  if (settings_.audience.empty()) return true;
  const auto audience = claims.find("aud");
  return audience != claims.end() && holds_any(settings_.audience, *audience);
}

std::string Issuer::role_of(const json& claims) const {
  const json* const role = claim_at(claims, settings_.claims.role);
  return role != nullptr && holds_any(settings_.agent_roles, *role) ? "agent" : "customer";
}

Result<Capability> Issuer::rights_of(const json& claims, const std::string& client_id) const {
  if (asks()) return Capability{};
  if (!settings_.capability.empty()) return fill_template(settings_.capability, client_id);
  const json* const claim = claim_at(claims, settings_.claims.capability);
  if (claim == nullptr) return Capability{};
  auto capability = capability_of(*claim);
  if (!capability) {
    return token_refused("claim " + settings_.claims.capability + " is no capability");
  }
  return capability;
}

Status Issuer::check_rights(const Capability& capability) const {
  if (check_ceiling(capability, settings_.ceiling)) return {};
  return token_refused("it asks for more than the ceiling of issuer " + settings_.name);
}

Result<Claims> Issuer::verify(const Jwt& token, std::int64_t now_ms) const {
  const auto key = signed_by(token);
  if (!key) return fail(key.error());
  const json& body = *token.claims;
  if (!is_named_by(token)) return token_refused("claim iss is another issuer's");
  if (!is_for_us(body)) return token_refused("claim aud does not name this server");
  const std::int64_t leeway_ms = settings_.leeway_s * 1000;
  const auto times = times_of(body, {leeway_ms, leeway_ms, max_life_ms_}, now_ms);
  if (!times) return fail(times.error());

  Claims claims;
  claims.key = *key;
  claims.issued_ms = times->issued_ms;
  claims.expires_ms = times->expires_ms;
  const json* const client = claim_at(body, settings_.claims.client_id);
  const auto id = client == nullptr ? std::nullopt : id_of(*client);
  if (!id || id->empty() || settings_.client_prefix.size() + id->size() > kMaxClientIdBytes) {
    return token_refused("claim " + settings_.claims.client_id +
                         " is not an id of 1..128 bytes, prefix included");
  }
  claims.client_id = settings_.client_prefix + *id;
  const json* const name = claim_at(body, settings_.claims.name);
  claims.name = name != nullptr && name->is_string() ? name->get<std::string>() : claims.client_id;
  if (claims.name.size() > kMaxNameBytes) {
    return token_refused("claim " + settings_.claims.name + " is too long");
  }
  claims.role = role_of(body);
  auto capability = rights_of(body, claims.client_id);
  if (!capability) return fail(capability.error());
  if (Status fine = check_rights(*capability); !fine) return fail(fine.error());
  claims.capability = std::move(*capability);
  return claims;
}

}  // namespace deskwire::publishers
