#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "config/config.h"
#include "core/result.h"
#include "core/signature_key.h"
#include "publishers/jwt.h"
#include "publishers/token.h"

namespace deskwire::publishers {

/// An application of the user's own whose tokens are accepted (docs/tokens.md).
///
/// Thread safety: every method may be called concurrently.
class Issuer {
 public:
  /// @errors kInvalid: a key that config's own check refuses too.
  static Result<Issuer> make(const config::Issuer& settings, std::int64_t max_life_ms);

  const config::Issuer& settings() const { return settings_; }
  const std::vector<NamedSignatureKey>& keys() const { return keys_; }

  /// Whether the token says that it comes from here. Not believed yet.
  bool is_named_by(const Jwt& token) const;
  /// Whose token it is, with the rights that the claim or the settings give; those of a callback
  /// are still to be asked for (asks()).
  /// @errors kStale, kUnauthorized: as verify_token.
  Result<Claims> verify(const Jwt& token, std::int64_t now_ms) const;
  bool asks() const { return !settings_.rights.url.empty(); }
  /// @errors kUnauthorized: rights beyond this issuer's ceiling.
  Status check_rights(const Capability& capability) const;

 private:
  Issuer(config::Issuer settings, std::int64_t max_life_ms, std::vector<NamedSignatureKey> keys);

  Result<std::uint64_t> signed_by(const Jwt& token) const;
  Result<Capability> rights_of(const nlohmann::json& claims, const std::string& client_id) const;
  bool is_for_us(const nlohmann::json& claims) const;
  std::string role_of(const nlohmann::json& claims) const;

  config::Issuer settings_;
  std::int64_t max_life_ms_;
  std::vector<NamedSignatureKey> keys_;
};

/// `template` with every `{clientId}` replaced by the id as channels write it, so that no id can
/// name another channel than its own.
Capability fill_template(const Capability& pattern, const std::string& client_id);

}  // namespace deskwire::publishers
