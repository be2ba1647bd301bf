#include "publishers/client_address.h"

#include <algorithm>
#include <cctype>
#include <string_view>
#include <vector>

#include "core/net/address_range.h"

namespace deskwire::publishers {

namespace {

constexpr std::string_view kForwardedFor = "x-forwarded-for";

bool is_forwarded_for(std::string_view name) {
  return std::equal(
      name.begin(), name.end(), kForwardedFor.begin(), kForwardedFor.end(),
      [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool is_trusted(const std::vector<std::string>& proxies, const net::IpAddress& address) {
  return std::any_of(proxies.begin(), proxies.end(), [&](const std::string& proxy) {
    const auto range = net::AddressRange::parse(proxy);
    return range && range->contains(address);
  });
}

std::string forwarded_list(const net::HttpRequest& request) {
  std::string list;
  for (const auto& [name, value] : request.headers) {
    if (!is_forwarded_for(name)) continue;
    if (!list.empty()) list += ',';
    list += value;
  }
  return list;
}

}  // namespace

std::string client_address(const net::HttpRequest& request, const config::Gateway& settings) {
  auto address = net::parse_ip_address(request.peer_address);
  if (!address) return request.peer_address;
  if (settings.trusted_proxies.empty()) return net::to_text(*address);
  const std::string list = forwarded_list(request);
  std::string_view rest = list;
  while (!rest.empty() && is_trusted(settings.trusted_proxies, *address)) {
    const std::size_t comma = rest.rfind(',');
    const bool is_first = comma == std::string_view::npos;
    const auto before = net::parse_ip_address(trimmed(is_first ? rest : rest.substr(comma + 1)));
    if (!before) break;
    address = before;
    rest = is_first ? std::string_view() : rest.substr(0, comma);
  }
  return net::to_text(*address);
}

}  // namespace deskwire::publishers
