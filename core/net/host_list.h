#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace deskwire::net {

/// The names by which a server may be called. A page on the web that points its own name at a
/// loopback address (DNS rebinding) arrives with that name in `Host` and is refused.
class HostList {
 public:
  /// @param hosts        Names without port, any case. Empty: localhost, 127.0.0.1, [::1] and
  ///                     `listen_host`.
  /// @param listen_host  The address of the listener, without port ("[::1]" in brackets).
  HostList(const std::vector<std::string>& hosts, std::string_view listen_host);

  /// @param host  A Host header's value: a name or address, optionally with a port.
  bool allows(std::string_view host) const;

 private:
  std::vector<std::string> names_;
};

}  // namespace deskwire::net
