#include "publishers/jwt.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/hash.h"
#include "core/json.h"

namespace deskwire::publishers {

namespace {

using nlohmann::json;

constexpr std::size_t kMaxTokenBytes = 16384;
constexpr std::size_t kMaxDepth = 8;
constexpr std::size_t kMaxKid = 256;
/// The year 5138; beyond it the milliseconds could overflow.
constexpr std::int64_t kMaxSeconds = 100'000'000'000;

std::optional<json> decode_part(std::string_view part) {
  const auto text = base64url_decode(part);
  if (!text) return std::nullopt;
  auto parsed = parse_json(*text, JsonLimits{kMaxTokenBytes, kMaxDepth, false, true});
  if (!parsed || !parsed->is_object()) return std::nullopt;
  return std::move(*parsed);
}

/// A NumericDate (RFC 7519 §2), which may have a fraction, in ms.
std::optional<std::int64_t> milliseconds_at(const json& claims, const char* key) {
  const auto found = claims.find(key);
  if (found != claims.end() && found->is_number_float()) {
    const double seconds = found->get<double>();
    if (!(seconds >= 0) || seconds > static_cast<double>(kMaxSeconds)) return std::nullopt;
    return static_cast<std::int64_t>(std::floor(seconds * 1000));
  }
  const auto seconds = integer_at(claims, key);
  if (!seconds || *seconds < 0 || *seconds > kMaxSeconds) return std::nullopt;
  return *seconds * 1000;
}

}  // namespace

tl::unexpected<Error> token_refused(std::string_view why) {
  return fail(ErrorCode::kUnauthorized, "token refused: " + std::string(why));
}

Result<Jwt> parse_jwt(std::string_view token) {
  if (token.size() > kMaxTokenBytes) return token_refused("too long");
  const std::size_t first = token.find('.');
  const std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) {
    return token_refused("not of the form header.claims.signature");
  }
  const auto header = decode_part(token.substr(0, first));
  if (!header) return token_refused("the header cannot be read");
  if (header->contains("crit")) return token_refused("the header asks for an extension");
  auto claims = decode_part(token.substr(first + 1, second - first - 1));
  if (!claims) return token_refused("the claims cannot be read");
  auto signature = base64url_decode(token.substr(second + 1));
  if (!signature) return token_refused("the signature cannot be read");
  Jwt jwt;
  jwt.algorithm = string_at(*header, "alg");
  jwt.kid = string_at(*header, "kid");
  if (jwt.kid.size() > kMaxKid) return token_refused("kid is too long");
  jwt.claims = std::make_shared<const json>(std::move(*claims));
  jwt.signed_text = token.substr(0, second);
  jwt.signature = std::move(*signature);
  return jwt;
}

Result<TokenTimes> times_of(const json& claims, const TokenLeeway& leeway, std::int64_t now_ms) {
  TokenTimes times;
  const auto expires = milliseconds_at(claims, "exp");
  if (!expires) return token_refused("claim exp is missing or out of range");
  times.expires_ms = *expires;
  if (claims.contains("nbf")) {
    const auto begins = milliseconds_at(claims, "nbf");
    if (!begins) return token_refused("claim nbf is out of range");
    if (*begins > now_ms + leeway.ahead_ms) return token_refused("not valid yet (nbf)");
  }
  if (claims.contains("iat")) {
    const auto issued = milliseconds_at(claims, "iat");
    if (!issued) return token_refused("claim iat is out of range");
    if (*issued > now_ms + leeway.ahead_ms) return token_refused("issued in the future");
    times.issued_ms = *issued;
    times.expires_ms = std::min(times.expires_ms, *issued + leeway.max_life_ms);
  } else if (times.expires_ms > now_ms + leeway.max_life_ms) {
    return token_refused("claim iat is missing, and it lives longer than gateway.max_token_life_s");
  }
  times.expires_ms += leeway.behind_ms;
  if (times.expires_ms <= now_ms) return fail(ErrorCode::kStale, "token refused: expired");
  return times;
}

const json* claim_at(const json& claims, std::string_view path) {
  const json* here = &claims;
  while (here->is_object()) {
    if (const auto whole = here->find(path); whole != here->end()) return &*whole;
    const std::size_t dot = path.find('.');
    if (dot == std::string_view::npos) return nullptr;
    const auto next = here->find(path.substr(0, dot));
    if (next == here->end()) return nullptr;
    here = &*next;
    path.remove_prefix(dot + 1);
  }
  return nullptr;
}

}  // namespace deskwire::publishers
