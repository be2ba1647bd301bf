#include "webhooks/signature.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "core/timestamp.h"

namespace deskwire::webhooks {
namespace {

using Part = SignedPart;

// A list of signatures longer than this is no key rotation any more.
constexpr std::size_t kMaxSignatures = 16;
constexpr std::string_view kWhsec = "whsec_";

/// The table. Sources: chatwoot lib/webhooks/trigger.rb; standard-webhooks
/// spec/standard-webhooks.md; docs.github.com "Validating webhook deliveries"; docs.slack.dev
/// "Verifying requests from Slack".
const std::array<SignatureScheme, 4>& table() {
  static const std::array<SignatureScheme, 4> rows{{
      {.name = "chatwoot",
       .signature_header = "X-Chatwoot-Signature",
       .prefix = "sha256=",
       .parts = {{Part::Kind::kHeader, "X-Chatwoot-Timestamp"},
                 {Part::Kind::kLiteral, "."},
                 {Part::Kind::kBody}},
       .timestamp_header = "X-Chatwoot-Timestamp",
       .time = TimeUnit::kSeconds,
       .delivery_header = "X-Chatwoot-Delivery"},
      {.name = "standard-webhooks",
       .encoding = SignatureEncoding::kBase64,
       .signature_header = "webhook-signature",
       .prefix = "v1,",
       .several = true,
       .parts = {{Part::Kind::kHeader, "webhook-id"},
                 {Part::Kind::kLiteral, "."},
                 {Part::Kind::kHeader, "webhook-timestamp"},
                 {Part::Kind::kLiteral, "."},
                 {Part::Kind::kBody}},
       .key = KeyDecoding::kBase64AfterWhsec,
       .timestamp_header = "webhook-timestamp",
       .time = TimeUnit::kSeconds,
       .delivery_header = "webhook-id"},
      {.name = "github",
       .signature_header = "X-Hub-Signature-256",
       .prefix = "sha256=",
       .parts = {{Part::Kind::kBody}},
       .delivery_header = "X-GitHub-Delivery"},
      {.name = "slack",
       .signature_header = "X-Slack-Signature",
       .prefix = "v0=",
       .parts = {{Part::Kind::kLiteral, "v0:"},
                 {Part::Kind::kHeader, "X-Slack-Request-Timestamp"},
                 {Part::Kind::kLiteral, ":"},
                 {Part::Kind::kBody}},
       .timestamp_header = "X-Slack-Request-Timestamp",
       .time = TimeUnit::kSeconds},
  }};
  return rows;
}

std::size_t digest_size(HashAlgorithm hash) { return hash == HashAlgorithm::kSha1 ? 20 : 32; }

/// The HMAC key that a configured secret stands for; nullopt: not of the scheme's form.
std::optional<std::string> key_of(KeyDecoding decoding, std::string_view secret) {
  switch (decoding) {
    case KeyDecoding::kRaw:
      return std::string(secret);
    case KeyDecoding::kBase64AfterWhsec:
      // The reference libraries take secrets with and without the prefix.
      if (secret.substr(0, kWhsec.size()) == kWhsec) secret.remove_prefix(kWhsec.size());
      return base64_decode(secret);
    case KeyDecoding::kAfterColon: {
      const std::size_t colon = secret.find(':');
      if (colon == std::string_view::npos) return std::nullopt;
      return std::string(secret.substr(colon + 1));
    }
  }
  return std::nullopt;
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
  if (!bytes || bytes->size() != digest_size(scheme.hash)) return std::nullopt;
  return bytes;
}

std::string encode(const SignatureScheme& scheme, std::string_view digest) {
  std::string text(scheme.prefix);
  text += scheme.encoding == SignatureEncoding::kHex ? hex_encode(digest) : base64_encode(digest);
  return text;
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
        out += message.uri;
        break;
      case Part::Kind::kBody:
        out += message.body;
        break;
    }
  }
  return SignatureRefusal::kNone;
}

}  // namespace

const SignatureScheme* find_scheme(std::string_view name) {
  const auto& rows = table();
  const auto* row = std::find_if(rows.begin(), rows.end(),
                                 [name](const SignatureScheme& r) { return r.name == name; });
  return row == rows.end() ? nullptr : row;
}

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
  const std::vector<std::string> given = read_signatures(scheme, header.value);
  if (given.empty()) return SignatureRefusal::kMalformedSignature;
  std::string text;
  if (const SignatureRefusal refusal = signed_text(scheme, message, text);
      refusal != SignatureRefusal::kNone) {
    return refusal;
  }
  bool usable = false;
  bool fits = false;
  for (const config::Secret& secret : secrets) {
    const std::optional<std::string> key =
        secret.empty() ? std::nullopt : key_of(scheme.key, secret.reveal());
    if (!key || key->empty()) continue;
    usable = true;
    const std::string expected = hmac(scheme.hash, *key, text);
    // No early exit: the time must not tell which secret or which entry fitted.
    for (const std::string& digest : given) fits = constant_time_equal(expected, digest) || fits;
  }
  if (!usable) return SignatureRefusal::kNoSecret;
  return fits ? SignatureRefusal::kNone : SignatureRefusal::kMismatch;
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
  const std::optional<std::string> key = key_of(scheme.key, secret.reveal());
  if (!key || key->empty()) {
    return fail(ErrorCode::kInvalid, "sign scheme=" + std::string(scheme.name) +
                                         ": the secret is empty or not of the scheme's form; see "
                                         "config sources[].secrets");
  }
  std::string text;
  if (const SignatureRefusal refusal = signed_text(scheme, message, text);
      refusal != SignatureRefusal::kNone) {
    return fail(ErrorCode::kInvalid,
                "sign scheme=" + std::string(scheme.name) + ": " + std::string(name_of(refusal)));
  }
  return encode(scheme, hmac(scheme.hash, *key, text));
}

}  // namespace deskwire::webhooks
