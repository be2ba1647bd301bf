// Tokens and key sets as strangers and broken tools write them. A token may be refused for any
// reason; what is accepted must hold what the gateway relies on.

#include <nlohmann/json.hpp>
#include <string>

#include "core/hash.h"
#include "core/signature_key.h"
#include "publishers/issuer.h"
#include "publishers/token.h"
#include "tests/fuzz/check.h"

using namespace deskwire;
using namespace deskwire::publishers;

namespace {

constexpr std::int64_t kNow = 1'795'255'200'000;
const std::string kSecret(32, 's');

const Issuer& issuer() {
  static const Issuer made = [] {
    config::Issuer settings;
    settings.name = "fuzz";
    settings.keys = {{"", SignatureAlgorithm::kHs256, config::Secret(kSecret), {}}};
    settings.ceiling = {{"user:*", {"subscribe"}}};
    return *Issuer::make(settings, kTokenLifeMs);
  }();
  return made;
}

void check_claims(const Claims& claims) {
  DW_CHECK(!claims.client_id.empty() && claims.client_id.size() <= kMaxClientIdBytes);
  DW_CHECK(claims.name.size() <= kMaxNameBytes);
  DW_CHECK(claims.role == "customer" || claims.role == "agent");
  DW_CHECK(claims.expires_ms > kNow);
  DW_CHECK(validate_capability(claims.capability).has_value());
  DW_CHECK(!allows(claims.capability, "conversation:1:internal", "subscribe"));
  DW_CHECK(!allows(claims.capability, "ops", "subscribe"));
}

void verify(std::string_view token) {
  static_cast<void>(verify_token(token, {{"a", config::Secret(kSecret)}}, kNow));
  const auto jwt = parse_jwt(token);
  if (!jwt) return;
  DW_CHECK(jwt->claims->is_object());
  if (const auto claims = issuer().verify(*jwt, kNow)) check_claims(*claims);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  verify(input);
  // The same text as claims that are signed as they should be: what lies behind the signature.
  const std::string text = base64url_encode(R"({"alg":"HS256"})") + "." + base64url_encode(input);
  verify(text + "." + base64url_encode(hmac(HashAlgorithm::kSha256, kSecret, text)));
  if (const auto keys = parse_jwks(input)) {
    DW_CHECK(!keys->empty());
    for (const NamedSignatureKey& one : *keys) DW_CHECK(!one.key.verify("text", input));
  }
  return 0;
}
