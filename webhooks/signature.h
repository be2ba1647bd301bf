#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/secret.h"
#include "core/result.h"

namespace deskwire::webhooks {

enum class SignatureAlgorithm : std::uint8_t { kHmacSha1, kHmacSha256, kRsaSha256, kEd25519 };
enum class SignatureEncoding : std::uint8_t { kHex, kBase64 };
enum class KeyDecoding : std::uint8_t {
  kRaw,                 ///< The secret's bytes as they are, also where they look like Base64.
  kBase64AfterWhsec,    ///< "whsec_" and Base64; the prefix may be missing.
  kEd25519AfterPrefix,  ///< "whpk_" and a public key, or "whsk_" and a private one, in Base64.
  kAfterColon,          ///< What follows the first colon.
  kPem                  ///< See PublicKey::from_pem.
};
enum class TimeUnit : std::uint8_t {
  kNone,
  kSeconds,
  kMilliseconds,
  kIso8601  ///< Digits are taken as Unix seconds: what Zendesk sent before it changed.
};
/// One piece of the signed text.
struct SignedPart {
  enum class Kind : std::uint8_t { kLiteral, kHeader, kMethod, kUri, kBody };
  Kind kind = Kind::kBody;
  std::string_view text = {};  ///< The literal, or the header's name.
};

/// A vendor's signature scheme: a row of the table, no code of its own.
struct SignatureScheme {
  std::string_view name;  ///< "chatwoot"
  SignatureAlgorithm algorithm = SignatureAlgorithm::kHmacSha256;
  SignatureEncoding encoding = SignatureEncoding::kHex;
  std::string_view signature_header;
  std::string_view prefix = {};  ///< In front of the encoded signature: "sha256=", "v1,", "v0="
  bool several = false;          ///< A space-separated list; entries of other prefixes ignored.
  std::vector<SignedPart> parts;
  KeyDecoding key = KeyDecoding::kRaw;
  std::string_view timestamp_header = {};
  TimeUnit time = TimeUnit::kNone;
  std::string_view delivery_header = {};
  /// Another row whose signatures may stand in the same header, over the same text.
  std::string_view also = {};
};

/// The row of that name, or nullptr.
const SignatureScheme* find_scheme(std::string_view name);

/// Why a signature was refused; `none` is accepted. Closed set: a metric label.
enum class SignatureRefusal : std::uint8_t {
  kNone,
  kNoSecret,
  kMissingSignature,
  kRepeatedHeader,
  kMalformedSignature,
  kMissingTimestamp,
  kMalformedTimestamp,
  kStale,
  kFuture,
  kMissingHeader,
  kMismatch
};
std::string_view name_of(SignatureRefusal refusal);

/// The signed message as it came.
struct SignedMessage {
  std::string_view method;
  std::string_view uri;   ///< The whole address as the sender knows it; where the scheme signs it.
  std::string_view body;  ///< Raw bytes.
  /// Values of a header by name, any case, in order; empty when absent.
  std::function<std::vector<std::string_view>(std::string_view name)> header;
};

/// Pure: checks timestamp window, then the signature under every secret (all are tried, digests are
/// compared in constant time).
SignatureRefusal verify(const SignatureScheme& scheme, const SignedMessage& message,
                        const std::vector<config::Secret>& secrets, std::int64_t now_s,
                        std::int64_t tolerance_s);

/// Whether a configured secret has the form that the scheme asks for.
bool is_usable_secret(const SignatureScheme& scheme, const config::Secret& secret);

/// The time that the message says it was signed at, Unix seconds; nullopt: it says none that can be
/// read, or the scheme has none.
std::optional<std::int64_t> signed_at_s(const SignatureScheme& scheme,
                                        const SignedMessage& message);

/// The signature header's value for a message (for `deskwire send` and tests).
/// @errors kInvalid: the secret cannot be decoded as the scheme asks, or a signed header is
/// missing.
///         kUnsupported: the secret is a public key.
Result<std::string> sign(const SignatureScheme& scheme, const SignedMessage& message,
                         const config::Secret& secret);

}  // namespace deskwire::webhooks
