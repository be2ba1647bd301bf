#include "webhooks/signing_key.h"

#include <utility>

#include "core/hash.h"

namespace deskwire::webhooks {
namespace {

constexpr std::string_view kWhsec = "whsec_";
constexpr std::string_view kWhpk = "whpk_";
constexpr std::string_view kWhsk = "whsk_";

/// @return Empty: not of that form.
std::string hmac_key(KeyDecoding decoding, std::string_view secret) {
  if (decoding == KeyDecoding::kRaw) return std::string(secret);
  if (decoding == KeyDecoding::kAfterColon) {
    const std::size_t colon = secret.find(':');
    return colon == std::string_view::npos ? std::string() : std::string(secret.substr(colon + 1));
  }
  // The reference libraries take secrets with and without the prefix.
  if (secret.starts_with(kWhsec)) secret.remove_prefix(kWhsec.size());
  return base64_decode(secret).value_or("");
}

Result<PublicKey> public_key(KeyDecoding decoding, std::string_view secret) {
  if (decoding == KeyDecoding::kPem) return PublicKey::from_pem(secret);
  if (secret.starts_with(kWhpk)) {
    return PublicKey::ed25519(base64_decode(secret.substr(kWhpk.size())).value_or(""));
  }
  if (secret.starts_with(kWhsk)) {
    return PublicKey::ed25519_private(base64_decode(secret.substr(kWhsk.size())).value_or(""));
  }
  return fail(ErrorCode::kInvalid, "read key: neither whpk_ nor whsk_");
}

}  // namespace

std::optional<SigningKey> SigningKey::of(const SignatureScheme& scheme, std::string_view secret) {
  if (secret.empty()) return std::nullopt;
  if (scheme.key == KeyDecoding::kPem || scheme.key == KeyDecoding::kEd25519AfterPrefix) {
    auto key = public_key(scheme.key, secret);
    if (!key) return std::nullopt;
    return SigningKey(scheme.algorithm, std::move(*key));
  }
  std::string key = hmac_key(scheme.key, secret);
  if (key.empty()) return std::nullopt;
  return SigningKey(scheme.algorithm, std::move(key));
}

std::string SigningKey::digest(std::string_view text) const {
  const bool sha1 = algorithm_ == SignatureAlgorithm::kHmacSha1;
  return hmac(sha1 ? HashAlgorithm::kSha1 : HashAlgorithm::kSha256,
              std::get<std::string>(material_), text);
}

bool SigningKey::verify(std::string_view text, std::string_view signature) const {
  if (const auto* key = std::get_if<PublicKey>(&material_)) return key->verify(text, signature);
  return constant_time_equal(digest(text), signature);
}

Result<std::string> SigningKey::sign(std::string_view text) const {
  if (const auto* key = std::get_if<PublicKey>(&material_)) return key->sign(text);
  return digest(text);
}

}  // namespace deskwire::webhooks
