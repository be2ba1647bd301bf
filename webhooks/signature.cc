#include "webhooks/signature.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/hash.h"
#include "core/timestamp.h"
#include "webhooks/signing_key.h"

namespace deskwire::webhooks {
namespace {

using Part = SignedPart;

// A list of signatures longer than this is no key rotation any more.
constexpr std::size_t kMaxSignatures = 16;
constexpr std::size_t kSha1Bytes = 20;
constexpr std::size_t kSha256Bytes = 32;
constexpr std::size_t kEd25519Bytes = 64;
constexpr std::size_t kMaxRsaBytes = 2048;

bool has_size_of(SignatureAlgorithm algorithm, std::size_t size) {
  switch (algorithm) {
    case SignatureAlgorithm::kHmacSha1:
      return size == kSha1Bytes;
    case SignatureAlgorithm::kHmacSha256:
      return size == kSha256Bytes;
    case SignatureAlgorithm::kEd25519:
      return size == kEd25519Bytes;
    case SignatureAlgorithm::kRsaSha256:
      break;  // As long as the key.
  }
  return size > 0 && size <= kMaxRsaBytes;
}

/// Exactly the spelling that senders write: lower-case hex, padded base64. A second spelling of one
/// signature would only be of use to somebody who probes.
std::optional<std::string> decode(const SignatureScheme& scheme, std::string_view text) {
  if (scheme.encoding == SignatureEncoding::kHex &&
      std::any_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'F'; })) {
    return std::nullopt;
  }
  std::optional<std::string> bytes =
      scheme.encoding == SignatureEncoding::kHex ? hex_decode(text) : base64_decode(text);
  if (!bytes || !has_size_of(scheme.algorithm, bytes->size())) return std::nullopt;
  return bytes;
}

std::string encode(const SignatureScheme& scheme, std::string_view digest) {
  std::string text(scheme.prefix);
  text += scheme.encoding == SignatureEncoding::kHex ? hex_encode(digest) : base64_encode(digest);
  return text;
}

/// The address as HubSpot signs it: these characters decoded, others left alone, the first '?'
/// being the query's own. Source: developers.hubspot.com, "Validating requests", v3.
std::string signed_uri(std::string_view uri) {
  constexpr std::string_view kDecoded = ":/?@!$'()*,;";
  std::string out;
  out.reserve(uri.size());
  for (std::size_t i = 0; i < uri.size(); ++i) {
    const auto byte =
        uri[i] == '%' && i + 2 < uri.size() ? hex_decode(uri.substr(i + 1, 2)) : std::nullopt;
    if (byte && kDecoded.find((*byte)[0]) != std::string_view::npos) {
      out += *byte;
      i += 2;
    } else {
      out += uri[i];
    }
  }
  return out;
}

struct SingleHeader {
  std::string_view value;
  SignatureRefusal refusal = SignatureRefusal::kNone;
};

/// A header that decides over acceptance must be there exactly once: proxies and we might otherwise
/// each look at another one.
SingleHeader single_header(const SignedMessage& message, std::string_view name,
                           SignatureRefusal if_missing) {
  const std::vector<std::string_view> values = message.header(name);
  if (values.size() > 1) return {{}, SignatureRefusal::kRepeatedHeader};
  if (values.empty() || values.front().empty()) return {{}, if_missing};
  return {values.front()};
}

/// All digests in the signature header that have the scheme's prefix and form.
std::vector<std::string> read_signatures(const SignatureScheme& scheme, std::string_view value) {
  std::vector<std::string> digests;
  while (!value.empty() && digests.size() < kMaxSignatures) {
    const std::size_t end = scheme.several ? value.find(' ') : std::string_view::npos;
    const std::string_view entry = value.substr(0, end);
    value.remove_prefix(end == std::string_view::npos ? value.size() : end + 1);
    if (entry.substr(0, scheme.prefix.size()) != scheme.prefix) continue;
    if (auto bytes = decode(scheme, entry.substr(scheme.prefix.size()))) {
      digests.push_back(std::move(*bytes));
    }
  }
  return digests;
}

/// The signatures in the header by the row that they belong to.
struct Candidates {
  const SignatureScheme* scheme;
  std::vector<std::string> signatures;
};

std::vector<Candidates> candidates(const SignatureScheme& scheme, std::string_view value) {
  std::vector<Candidates> rows{{&scheme, read_signatures(scheme, value)}};
  if (!scheme.also.empty()) {
    const SignatureScheme& other = *find_scheme(scheme.also);
    rows.push_back({&other, read_signatures(other, value)});
  }
  return rows;
}

std::optional<std::int64_t> seconds_of(TimeUnit unit, std::string_view text) {
  const auto thousandth = [](std::optional<std::int64_t> ms) {
    return ms ? std::optional<std::int64_t>(*ms / 1000) : std::nullopt;
  };
  switch (unit) {
    case TimeUnit::kNone:
      return std::nullopt;
    case TimeUnit::kSeconds:
      return parse_digits(text);
    case TimeUnit::kMilliseconds:
      return thousandth(parse_digits(text));
    case TimeUnit::kIso8601:
      if (const auto seconds = parse_digits(text)) return seconds;
      return thousandth(parse_iso8601_ms(text));
  }
  return std::nullopt;
}

SignatureRefusal check_time(const SignatureScheme& scheme, const SignedMessage& message,
                            std::int64_t now_s, std::int64_t tolerance_s) {
  if (scheme.time == TimeUnit::kNone) return SignatureRefusal::kNone;
  const SingleHeader header =
      single_header(message, scheme.timestamp_header, SignatureRefusal::kMissingTimestamp);
  if (header.refusal != SignatureRefusal::kNone) return header.refusal;
  const std::optional<std::int64_t> time_s = seconds_of(scheme.time, header.value);
  if (!time_s) return SignatureRefusal::kMalformedTimestamp;
  if (*time_s < now_s - tolerance_s) return SignatureRefusal::kStale;
  if (*time_s > now_s + tolerance_s) return SignatureRefusal::kFuture;
  return SignatureRefusal::kNone;
}

/// Joins the signed parts. The body is copied once; HMAC over pieces would save that, at the price
/// of another interface to OpenSSL.
SignatureRefusal signed_text(const SignatureScheme& scheme, const SignedMessage& message,
                             std::string& out) {
  out.reserve(message.body.size() + 128);
  for (const Part& part : scheme.parts) {
    switch (part.kind) {
      case Part::Kind::kLiteral:
        out += part.text;
        break;
      case Part::Kind::kHeader: {
        const SingleHeader header =
            single_header(message, part.text, SignatureRefusal::kMissingHeader);
        if (header.refusal != SignatureRefusal::kNone) return header.refusal;
        out += header.value;
        break;
      }
      case Part::Kind::kMethod:
        out += message.method;
        break;
      case Part::Kind::kUri:
        out += signed_uri(message.uri);
        break;
      case Part::Kind::kBody:
        out += message.body;
        break;
    }
  }
  return SignatureRefusal::kNone;
}

}  // namespace

std::string_view name_of(SignatureRefusal refusal) {
  switch (refusal) {
    case SignatureRefusal::kNone:
      return "none";
    case SignatureRefusal::kNoSecret:
      return "no_secret";
    case SignatureRefusal::kMissingSignature:
      return "missing_signature";
    case SignatureRefusal::kRepeatedHeader:
      return "repeated_header";
    case SignatureRefusal::kMalformedSignature:
      return "malformed_signature";
    case SignatureRefusal::kMissingTimestamp:
      return "missing_timestamp";
    case SignatureRefusal::kMalformedTimestamp:
      return "malformed_timestamp";
    case SignatureRefusal::kStale:
      return "stale";
    case SignatureRefusal::kFuture:
      return "future";
    case SignatureRefusal::kMissingHeader:
      return "missing_header";
    case SignatureRefusal::kMismatch:
      return "mismatch";
  }
  return "mismatch";
}

SignatureRefusal verify(const SignatureScheme& scheme, const SignedMessage& message,
                        const std::vector<config::Secret>& secrets, std::int64_t now_s,
                        std::int64_t tolerance_s) {
  const SingleHeader header =
      single_header(message, scheme.signature_header, SignatureRefusal::kMissingSignature);
  if (header.refusal != SignatureRefusal::kNone) return header.refusal;
  if (const SignatureRefusal refusal = check_time(scheme, message, now_s, tolerance_s);
      refusal != SignatureRefusal::kNone) {
    return refusal;
  }
  const std::vector<Candidates> given = candidates(scheme, header.value);
  if (std::all_of(given.begin(), given.end(),
                  [](const Candidates& one) { return one.signatures.empty(); })) {
    return SignatureRefusal::kMalformedSignature;
  }
  std::string text;
  if (const SignatureRefusal refusal = signed_text(scheme, message, text);
      refusal != SignatureRefusal::kNone) {
    return refusal;
  }
  bool usable = false;
  bool fits = false;
  for (const config::Secret& secret : secrets) {
    for (const Candidates& row : given) {
      const auto key = SigningKey::of(*row.scheme, secret.reveal());
      if (!key) continue;
      usable = true;
      // No early exit: the time must not tell which secret or which entry fitted.
      for (const std::string& signature : row.signatures) {
        fits = key->verify(text, signature) || fits;
      }
    }
  }
  if (!usable) return SignatureRefusal::kNoSecret;
  return fits ? SignatureRefusal::kNone : SignatureRefusal::kMismatch;
}

bool is_usable_secret(const SignatureScheme& scheme, const config::Secret& secret) {
  if (SigningKey::of(scheme, secret.reveal())) return true;
  return !scheme.also.empty() && SigningKey::of(*find_scheme(scheme.also), secret.reveal());
}

std::optional<std::int64_t> signed_at_s(const SignatureScheme& scheme,
                                        const SignedMessage& message) {
  if (scheme.time == TimeUnit::kNone) return std::nullopt;
  const SingleHeader header =
      single_header(message, scheme.timestamp_header, SignatureRefusal::kMissingTimestamp);
  if (header.refusal != SignatureRefusal::kNone) return std::nullopt;
  return seconds_of(scheme.time, header.value);
}

Result<std::string> sign(const SignatureScheme& scheme, const SignedMessage& message,
                         const config::Secret& secret) {
  const std::string what = "sign scheme=" + std::string(scheme.name) + ": ";
  const SignatureScheme* row = &scheme;
  auto key = SigningKey::of(scheme, secret.reveal());
  if (!key && !scheme.also.empty()) {
    row = find_scheme(scheme.also);
    key = SigningKey::of(*row, secret.reveal());
  }
  if (!key) {
    return fail(ErrorCode::kInvalid, what +
                                         "the secret is empty or not of the scheme's form; see "
                                         "config sources[].secrets");
  }
  std::string text;
  if (const SignatureRefusal refusal = signed_text(scheme, message, text);
      refusal != SignatureRefusal::kNone) {
    return fail(ErrorCode::kInvalid, what + std::string(name_of(refusal)));
  }
  auto signature = key->sign(text);
  if (!signature) return fail(std::move(signature).error().prefixed(what + "with this secret"));
  return encode(*row, *signature);
}

}  // namespace deskwire::webhooks
