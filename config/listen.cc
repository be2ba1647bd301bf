#include <charconv>

#include "config/load.h"
#include "config/problems.h"

namespace deskwire::config {
namespace {

tl::unexpected<Error> refused(std::string_view text) {
  return fail(ErrorCode::kInvalid,
              in_quotes(text) + R"( is not an address; write "host:port" or "[ipv6]:port")");
}

}  // namespace

Result<HostPort> parse_listen(std::string_view text) {
  std::string_view host;
  std::string_view rest;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return refused(text);
    host = text.substr(1, end - 1);
    rest = text.substr(end + 1);
    if (host.find(':') == std::string_view::npos) return refused(text);
  } else {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) return refused(text);
    host = text.substr(0, colon);
    rest = text.substr(colon);
  }
  constexpr std::string_view kHostCharacters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:%_";
  const bool host_ok = !host.empty() && host.size() <= 253 &&
                       host.find_first_not_of(kHostCharacters) == std::string_view::npos;
  if (!host_ok || !rest.starts_with(':')) return refused(text);
  rest.remove_prefix(1);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), port);
  if (error != std::errc() || end != rest.data() + rest.size()) return refused(text);
  return HostPort{std::string(host), port};
}

bool is_loopback(std::string_view host) {
  if (host == "localhost" || host == "::1") return true;
  // 127.0.0.0/8, but only as four decimal numbers: "127.example.com" is a name.
  return host.starts_with("127.") &&
         host.find_first_not_of("0123456789.") == std::string_view::npos;
}

}  // namespace deskwire::config
