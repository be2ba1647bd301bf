#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "core/result.h"

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

/// What a token says.
struct Claims {
  std::string client_id;  ///< sub, 1..128 bytes
  std::string name;
  std::string role;  ///< "customer" or "agent"
  std::int64_t issued_ms = 0;
  std::int64_t expires_ms = 0;
  Capability capability;
};

/// A JWT, HS256, `kid` of the key.
std::string sign_token(const Claims& claims, const config::SigningKey& key);

/// @errors kStale: expired, otherwise fine. kUnauthorized: malformed, wrong algorithm, unknown kid,
///         key under 32 bytes, bad signature, bad claims (message says which; never the token).
Result<Claims> verify_token(std::string_view token, const std::vector<config::SigningKey>& keys,
                            std::int64_t now_ms);

}  // namespace deskwire::publishers
