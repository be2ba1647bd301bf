#include "publishers/access.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "core/hash.h"

namespace deskwire::publishers {

namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

bool contains(const std::vector<std::string>& list, std::string_view value) {
  return std::any_of(list.begin(), list.end(),
                     [&](const std::string& one) { return lower(one) == value; });
}

}  // namespace

bool Principal::can(std::string_view channel, std::string_view operation) const {
  if (server && claims.capability.empty()) return true;
  return allows(claims.capability, channel, operation);
}

Refusal denied(std::string_view operation, std::string_view channel) {
  return {ReplyCode::kCapabilityDenied,
          "capability denied: " + std::string(operation) + " on " + std::string(channel)};
}

Answer<Principal> principal_of_token(std::string_view token, const config::Gateway& settings,
                                     std::int64_t now_ms) {
  auto claims = verify_token(token, settings.keys, now_ms);
  if (claims) return Principal{false, std::move(*claims)};
  if (claims.error().code == ErrorCode::kStale) {
    return refuse(ReplyCode::kTokenExpired, "token expired");
  }
  return refuse(ReplyCode::kTokenRefused, claims.error().message);
}

std::string_view bearer_of(const net::HttpRequest& request) {
  constexpr std::string_view kScheme = "bearer ";
  std::string_view value = request.header("Authorization");
  if (value.size() < kScheme.size() || lower(value.substr(0, kScheme.size())) != kScheme) return {};
  value.remove_prefix(kScheme.size());
  while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  return value;
}

Answer<Principal> authenticate(const net::HttpRequest& request, const config::Gateway& settings,
                               std::int64_t now_ms) {
  std::string credential(bearer_of(request));
  if (credential.empty()) credential = request.query("token");
  if (credential.empty()) {
    return refuse(ReplyCode::kTokenRefused, "a token or server key is needed");
  }
  // All are compared, so that the time does not tell which one came close.
  const config::ServerKey* match = nullptr;
  for (const config::ServerKey& key : settings.server_keys) {
    if (constant_time_equal(key.secret.reveal(), credential)) match = &key;
  }
  if (match != nullptr) {
    Principal principal;
    principal.server = true;
    principal.claims.capability = match->capability;
    return principal;
  }
  return principal_of_token(credential, settings, now_ms);
}

bool origin_allowed(const net::HttpRequest& request, const config::Gateway& settings) {
  if (request.header_count("Origin") == 0) return true;
  const std::string origin = lower(request.header("Origin"));
  if (contains(settings.origins, origin)) return true;
  const std::size_t scheme = origin.find("://");
  if (scheme == std::string::npos) return false;
  return !request.header("Host").empty() &&
         std::string_view(origin).substr(scheme + 3) == lower(request.header("Host"));
}

}  // namespace deskwire::publishers
