#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "core/result.h"
#include "publishers/jwt.h"

namespace deskwire::publishers {

/// Channel pattern -> operations (subscribe, publish, presence, history, sla). Contract §3.
using Capability = std::map<std::string, std::vector<std::string>>;

/// Whether `capability` allows `operation` on `channel`: `*` is one whole segment, or alone
/// everything except restricted channels (core/channel.h).
bool allows(const Capability& capability, std::string_view channel, std::string_view operation);

/// The part of `asked` that `ceiling` allows; an empty ceiling allows everything.
/// @errors kDenied: a pattern or operation lies outside the ceiling (names it).
Status check_ceiling(const Capability& asked, const Capability& ceiling);

/// Checks resources and operations of a capability from outside.
/// @errors kInvalid: not a channel pattern, `*` beside other characters in one segment, or an
///         unknown operation. kTooLarge: more than 256 resources.
Status validate_capability(const Capability& capability);

/// A capability as JSON, in a claim or in the answer of a service.
/// @errors kInvalid: not an object of lists of operations; as validate_capability.
Result<Capability> capability_of(const nlohmann::json& value);

/// What a token says.
struct Claims {
  std::string client_id;  ///< sub, 1..128 bytes
  std::string name;
  std::string role;  ///< "customer" or "agent"
  std::int64_t issued_ms = 0;
  std::int64_t expires_ms = 0;
  Capability capability;
  std::uint64_t key = 0;  ///< Fingerprint of the key that signed it.
};

/// Longest name and client id, of whatever issuer.
inline constexpr std::size_t kMaxClientIdBytes = 128;
inline constexpr std::size_t kMaxNameBytes = 256;

/// A JWT, HS256, `kid` of the key. Beside `iat` stands `iat_ms`, so that a token made in the same
/// second as a revocation can be told from those that were meant.
std::string sign_token(const Claims& claims, const config::SigningKey& key);

/// What config gateway.max_token_life_s is unless somebody says otherwise.
inline constexpr std::int64_t kTokenLifeMs = 86'400'000;

/// Checks a token of ours.
///
/// @param max_life_ms  A token is valid so long after its `iat` at most, whatever its `exp`.
/// @errors kStale: expired, otherwise fine. kUnauthorized: malformed, wrong algorithm, unknown kid,
///         key under 32 bytes, bad signature, bad claims (message says which; never the token).
Result<Claims> verify_token(const Jwt& token, const std::vector<config::SigningKey>& keys,
                            std::int64_t now_ms, std::int64_t max_life_ms = kTokenLifeMs);
Result<Claims> verify_token(std::string_view token, const std::vector<config::SigningKey>& keys,
                            std::int64_t now_ms, std::int64_t max_life_ms = kTokenLifeMs);

/// Fingerprint of a key of ours, as in Claims::key.
std::uint64_t fingerprint_of(const config::SigningKey& key);

}  // namespace deskwire::publishers
