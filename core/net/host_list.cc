#include "core/net/host_list.h"

#include <algorithm>

#include "core/net/http_text.h"

namespace deskwire::net {

namespace {

// Cuts ":port" off; empty when what follows the name is not a port.
std::string_view without_port(std::string_view host) {
  const std::size_t end = host.starts_with('[') ? host.find(']') : host.find(':');
  if (end == std::string_view::npos) return host.starts_with('[') ? std::string_view() : host;
  const std::size_t name_size = host.starts_with('[') ? end + 1 : end;
  std::string_view port = host.substr(name_size);
  if (!port.empty()) {
    if (port.front() != ':') return {};
    port.remove_prefix(1);
    if (!std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; }))
      return {};
  }
  return host.substr(0, name_size);
}

std::string normalised(std::string_view name) {
  // "::1" in a config file means the same as "[::1]".
  if (!name.starts_with('[') && std::count(name.begin(), name.end(), ':') > 1) {
    std::string bracketed = "[";
    return bracketed.append(name).append("]");
  }
  return std::string(name);
}

}  // namespace

HostList::HostList(const std::vector<std::string>& hosts, std::string_view listen_host) {
  if (hosts.empty()) {
    names_ = {"localhost", "127.0.0.1", "[::1]", normalised(listen_host)};
    return;
  }
  for (const std::string& host : hosts) names_.push_back(normalised(host));
}

bool HostList::allows(std::string_view host) const {
  std::string_view name = without_port(host);
  // "localhost." is the same name, written as absolute.
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.empty()) return false;
  return std::any_of(names_.begin(), names_.end(), [name](const std::string& allowed) {
    return equal_ignoring_case(allowed, name);
  });
}

}  // namespace deskwire::net
