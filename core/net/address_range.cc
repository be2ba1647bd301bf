#include "core/net/address_range.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace deskwire::net {

namespace {

constexpr IpAddress kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0};
constexpr std::size_t kMappedBytes = 12;
constexpr int kAllBits = 128;

bool is_ipv4(const IpAddress& address) {
  return std::equal(kMapped.begin(), kMapped.begin() + kMappedBytes, address.begin());
}

/// The address alone: without brackets, port and zone.
std::string_view bare(std::string_view text) {
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return {};
    text = text.substr(1, end - 1);
  } else if (std::count(text.begin(), text.end(), ':') == 1) {
    text = text.substr(0, text.find(':'));
  }
  return text.substr(0, text.find('%'));
}

}  // namespace

std::optional<IpAddress> parse_ip_address(std::string_view text) {
  const std::string plain(bare(text));
  IpAddress address{};
  if (::inet_pton(AF_INET6, plain.c_str(), address.data()) == 1) return address;
  address = kMapped;
  if (::inet_pton(AF_INET, plain.c_str(), address.data() + kMappedBytes) == 1) return address;
  return std::nullopt;
}

std::string to_text(const IpAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (is_ipv4(address)) {
    ::inet_ntop(AF_INET, address.data() + kMappedBytes, text.data(), text.size());
  } else {
    ::inet_ntop(AF_INET6, address.data(), text.data(), text.size());
  }
  return text.data();
}

std::optional<AddressRange> AddressRange::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto first = parse_ip_address(text.substr(0, slash));
  if (!first) return std::nullopt;
  if (slash == std::string_view::npos) return AddressRange(*first, kAllBits);
  const bool ipv4 = is_ipv4(*first) && text.substr(0, slash).find(':') == std::string_view::npos;
  const int before = ipv4 ? static_cast<int>(8 * kMappedBytes) : 0;
  const std::string_view digits = text.substr(slash + 1);
  int bits = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  if (error != std::errc() || end != digits.data() + digits.size() || bits < 0 ||
      before + bits > kAllBits) {
    return std::nullopt;
  }
  return AddressRange(*first, before + bits);
}

bool AddressRange::contains(const IpAddress& address) const {
  const auto whole = static_cast<std::size_t>(bits_ / 8);
  if (!std::equal(first_.begin(), first_.begin() + static_cast<std::ptrdiff_t>(whole),
                  address.begin())) {
    return false;
  }
  const unsigned rest = static_cast<unsigned>(bits_) % 8U;
  if (rest == 0) return true;
  const unsigned mask = (0xFF00U >> rest) & 0xFFU;
  return (first_[whole] & mask) == (address[whole] & mask);
}

}  // namespace deskwire::net
