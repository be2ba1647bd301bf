#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace deskwire {

/// The signatures of JWTs that are understood (RFC 7518 §3).
enum class SignatureAlgorithm : std::uint8_t { kHs256, kRs256, kEs256 };

/// "HS256"
std::string_view name_of(SignatureAlgorithm algorithm);

/// A key that verifies signatures of one algorithm and of no other: what a token says about its
/// algorithm can never make a public key a shared secret. Copies share what OpenSSL holds.
///
/// Thread safety: every method may be called concurrently.
class SignatureKey {
 public:
  /// HS256. @errors kInvalid: under 32 bytes, or the text of a PEM file, which is no secret.
  static Result<SignatureKey> from_secret(std::string_view secret);
  /// RS256 (2048 to 8192 bits) or ES256 (P-256): a public key or a certificate.
  /// @errors kInvalid: not PEM, another kind or size of key, or a private key.
  static Result<SignatureKey> from_pem(SignatureAlgorithm algorithm, std::string_view pem);
  /// One key of a JWKS. @errors kInvalid: broken. kUnsupported: of another kind or use.
  static Result<SignatureKey> from_jwk(const nlohmann::json& jwk);

  SignatureAlgorithm algorithm() const { return algorithm_; }
  /// Tells keys apart, says nothing about them.
  std::uint64_t fingerprint() const { return fingerprint_; }
  /// @param signature  As in a JWT: the MAC, RSA's octets, or r and s side by side.
  bool verify(std::string_view text, std::string_view signature) const;

 private:
  struct Material;
  SignatureKey(SignatureAlgorithm algorithm, std::shared_ptr<const Material> material,
               std::string_view identity);

  SignatureAlgorithm algorithm_;
  std::uint64_t fingerprint_ = 0;
  std::shared_ptr<const Material> material_;
};

struct NamedSignatureKey {
  std::string kid;  ///< Empty: none.
  SignatureKey key;
};

/// The usable keys of a JSON Web Key Set (RFC 7517); others are left out, as the RFC wants.
/// @errors kInvalid: no JWKS, a broken key, a kid that is there twice, or nothing usable.
///         kTooLarge: more than 100 keys.
Result<std::vector<NamedSignatureKey>> parse_jwks(std::string_view text);

}  // namespace deskwire
