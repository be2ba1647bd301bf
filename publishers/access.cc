#include "publishers/access.h"

#include <algorithm>
#include <cctype>
#include <utility>

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

std::string_view bearer_of(const net::HttpRequest& request) {
  constexpr std::string_view kScheme = "bearer ";
  std::string_view value = request.header("Authorization");
  if (value.size() < kScheme.size() || lower(value.substr(0, kScheme.size())) != kScheme) return {};
  value.remove_prefix(kScheme.size());
  while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  return value;
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
