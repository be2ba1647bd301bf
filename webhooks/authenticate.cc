#include "webhooks/authenticate.h"

#include <algorithm>
#include <optional>
#include <string>

#include "core/hash.h"
#include "webhooks/signature.h"
#include "webhooks/source_scheme.h"

namespace deskwire::webhooks {
namespace {

constexpr std::string_view kAccepted = "none";

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [&](char x, char y) { return lower(x) == lower(y); });
}

std::string_view check_secret(const config::Source& source, std::string_view given) {
  bool usable = false;
  bool fits = false;
  // Digests, so that not even the length of a secret shows in the time.
  const std::string given_digest = sha256(given);
  for (const config::Secret& secret : source.secrets) {
    if (secret.empty()) continue;
    usable = true;
    fits = constant_time_equal(sha256(secret.reveal()), given_digest) || fits;
  }
  if (!usable) return name_of(SignatureRefusal::kNoSecret);
  return fits ? kAccepted : "wrong_credentials";
}

std::string_view check_basic(const config::Source& source, const net::HttpRequest& request) {
  constexpr std::string_view kBasic = "Basic ";
  if (request.header_count("Authorization") > 1) return name_of(SignatureRefusal::kRepeatedHeader);
  const std::string_view value = request.header("Authorization");
  if (!equal_ignoring_case(value.substr(0, kBasic.size()), kBasic)) return "missing_credentials";
  const std::optional<std::string> pair = base64_decode(value.substr(kBasic.size()));
  if (!pair) return "wrong_credentials";
  return check_secret(source, *pair);
}

std::string_view check_header(const config::Source& source, const net::HttpRequest& request) {
  constexpr std::string_view kBearer = "Bearer ";
  if (request.header_count(source.auth_header) > 1) {
    return name_of(SignatureRefusal::kRepeatedHeader);
  }
  std::string_view value = request.header(source.auth_header);
  if (equal_ignoring_case(value.substr(0, kBearer.size()), kBearer)) {
    value.remove_prefix(kBearer.size());
  }
  return value.empty() ? "missing_credentials" : check_secret(source, value);
}

std::string_view check_url_token(const config::Source& source, const net::HttpRequest& request,
                                 std::string_view path_token) {
  const std::string token = path_token.empty() ? request.query("token") : std::string(path_token);
  return token.empty() ? "missing_credentials" : check_secret(source, token);
}

}  // namespace

std::string_view authenticate(const config::Source& source, const net::HttpRequest& request,
                              std::string_view path_token, std::int64_t now_s,
                              std::int64_t tolerance_s) {
  switch (source.proof()) {
    case config::SourceAuth::kBasic:
      return check_basic(source, request);
    case config::SourceAuth::kUrlToken:
      return check_url_token(source, request, path_token);
    case config::SourceAuth::kHeader:
      return check_header(source, request);
    case config::SourceAuth::kSignature:
      break;
  }
  const SignatureScheme& scheme = scheme_of(source, request);
  SignedMessage message = signed_message(request);
  std::string address;
  if (signs_address(scheme)) {
    address = address_of(source, request);
    message.uri = address;
  }
  return name_of(verify(scheme, message, source.secrets, now_s, tolerance_s));
}

}  // namespace deskwire::webhooks
