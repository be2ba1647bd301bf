#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace deskwire::net {

/// An IP address; an IPv4 one in its form inside IPv6 (RFC 4291 §2.5.5.2).
using IpAddress = std::array<std::uint8_t, 16>;

/// Reads "192.0.2.7", "2001:db8::1", "[2001:db8::1]", each also with a port as proxies write it
/// ("192.0.2.7:4711", "[2001:db8::1]:4711"), or with a zone, which is ignored.
std::optional<IpAddress> parse_ip_address(std::string_view text);
/// The one usual way to write it: "192.0.2.7", "2001:db8::1".
std::string to_text(const IpAddress& address);

/// One address, or a range of them such as "10.0.0.0/8" or "fd00::/8".
class AddressRange {
 public:
  static std::optional<AddressRange> parse(std::string_view text);

  bool contains(const IpAddress& address) const;

 private:
  AddressRange(const IpAddress& first, int bits) : first_(first), bits_(bits) {}

  IpAddress first_;
  int bits_;  ///< Leading ones that must be equal, 0..128.
};

}  // namespace deskwire::net
