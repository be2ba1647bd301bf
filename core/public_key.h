#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/result.h"

namespace deskwire {

/// A key for signatures that anybody may check: RSA (PKCS #1 v1.5 with SHA-256) or Ed25519. Made
/// from a public key, which can only verify, or from a private one, which can do both.
///
/// Thread safety: verify and sign may be called concurrently.
class PublicKey {
 public:
  /// Reads PEM leniently, because helpdesks hand it out in odd forms: with or without its lines and
  /// dashes, on one line, with `\n` written out, and with a SubjectPublicKeyInfo in a block called
  /// RSA PUBLIC KEY. What it holds decides, not what the block calls it.
  /// @errors kInvalid: no key of a kind that can be used. The text is never part of the message.
  static Result<PublicKey> from_pem(std::string_view text);

  /// @param raw  The 32 bytes of RFC 8032.
  /// @errors kInvalid: another length.
  static Result<PublicKey> ed25519(std::string_view raw);
  /// @param raw  A seed of 32 bytes, or the seed and the public key behind it (64 bytes).
  static Result<PublicKey> ed25519_private(std::string_view raw);

  bool verify(std::string_view message, std::string_view signature) const;
  /// @errors kUnsupported: this is a public key.
  Result<std::string> sign(std::string_view message) const;

 private:
  struct Key;
  explicit PublicKey(std::shared_ptr<const Key> key) : key_(std::move(key)) {}
  std::shared_ptr<const Key> key_;
};

}  // namespace deskwire
