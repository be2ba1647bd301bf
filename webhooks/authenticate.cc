#include "webhooks/authenticate.h"

#include <algorithm>
#include <optional>
#include <string>

#include "core/hash.h"

namespace deskwire::webhooks {
namespace {

constexpr std::string_view kAccepted = "none";

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [&](char x, char y) { return lower(x) == lower(y); });
}

std::vector<std::string_view> values_of(const net::HttpRequest& request, std::string_view name) {
  std::vector<std::string_view> values;
  for (const auto& [key, value] : request.headers) {
    if (equal_ignoring_case(key, name)) values.emplace_back(value);
  }
  return values;
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
  const std::vector<std::string_view> values = values_of(request, "Authorization");
  if (values.size() > 1) return name_of(SignatureRefusal::kRepeatedHeader);
  if (values.empty()) return "missing_credentials";
  const std::string_view value = values.front();
  if (!equal_ignoring_case(value.substr(0, kBasic.size()), kBasic)) return "missing_credentials";
  const std::optional<std::string> pair = base64_decode(value.substr(kBasic.size()));
  if (!pair) return "wrong_credentials";
  return check_secret(source, *pair);
}

std::string_view check_url_token(const config::Source& source, const net::HttpRequest& request,
                                 std::string_view path_token) {
  const std::string token = path_token.empty() ? request.query("token") : std::string(path_token);
  return token.empty() ? "missing_credentials" : check_secret(source, token);
}

}  // namespace

std::string_view authenticate(const config::Source& source, const SignatureScheme& scheme,
                              const net::HttpRequest& request, std::string_view path_token,
                              std::int64_t now_s, std::int64_t tolerance_s) {
  switch (source.auth) {
    case config::SourceAuth::kBasic:
      return check_basic(source, request);
    case config::SourceAuth::kUrlToken:
      return check_url_token(source, request, path_token);
    case config::SourceAuth::kSignature:
      break;
  }
  return name_of(verify(scheme, signed_message(request), source.secrets, now_s, tolerance_s));
}

SignedMessage signed_message(const net::HttpRequest& request) {
  return {request.method, request.target, request.body,
          [&request](std::string_view name) { return values_of(request, name); }};
}

}  // namespace deskwire::webhooks
