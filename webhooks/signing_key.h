#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "core/public_key.h"
#include "core/result.h"
#include "webhooks/signature.h"

namespace deskwire::webhooks {

/// What a configured secret stands for under a scheme: bytes for an HMAC, or a key of its own kind.
///
/// Thread safety: immutable.
class SigningKey {
 public:
  /// @return nullopt: empty, or not of the form that the scheme asks for.
  static std::optional<SigningKey> of(const SignatureScheme& scheme, std::string_view secret);

  bool verify(std::string_view text, std::string_view signature) const;
  /// @errors kUnsupported: it is a public key.
  Result<std::string> sign(std::string_view text) const;

 private:
  using Material = std::variant<std::string, PublicKey>;
  SigningKey(SignatureAlgorithm algorithm, Material material)
      : algorithm_(algorithm), material_(std::move(material)) {}
  std::string digest(std::string_view text) const;

  SignatureAlgorithm algorithm_;
  Material material_;
};

}  // namespace deskwire::webhooks
