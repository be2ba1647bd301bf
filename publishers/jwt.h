#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"

namespace deskwire::publishers {

/// A JSON Web Token taken apart (RFC 7519). Nothing in it is believed before a key that was chosen
/// by us, with the key's own algorithm, has verified `signed_text`.
struct Jwt {
  std::string algorithm;  ///< What the token says; may only agree with the key.
  std::string kid;        ///< Empty: none.
  std::shared_ptr<const nlohmann::json> claims;
  std::string_view signed_text;  ///< Within the token that was parsed.
  std::string signature;
};

/// `token refused: <why>`
tl::unexpected<Error> token_refused(std::string_view why);

/// @errors kUnauthorized: over 16 KiB, not three parts of base64url, no JSON objects, a key twice,
///         or a header with `crit`: it asks for what we do not have. Never quotes the token.
Result<Jwt> parse_jwt(std::string_view token);

/// When a token was made and ends, in Unix ms.
struct TokenTimes {
  std::int64_t issued_ms = 0;  ///< 0: it does not say.
  std::int64_t expires_ms = 0;
};

/// How far a token maker's clock may be ahead of ours and behind it, and how long a token may live.
struct TokenLeeway {
  std::int64_t ahead_ms = 0;
  std::int64_t behind_ms = 0;
  std::int64_t max_life_ms = 0;  ///< From `iat` on, whatever `exp` says.
};

/// Reads `exp`, `nbf` and `iat`. Without `iat` a token may not end later than a whole life from
/// now: nobody could tell when it is too old.
///
/// @errors kStale: expired. kUnauthorized: missing, out of range, not valid yet.
Result<TokenTimes> times_of(const nlohmann::json& claims, const TokenLeeway& leeway,
                            std::int64_t now_ms);

/// The claim `path`: of that very name, or `a.b` for b within the object a. Null: there is none.
const nlohmann::json* claim_at(const nlohmann::json& claims, std::string_view path);

}  // namespace deskwire::publishers
