#include "core/net/listener.h"
#include "tests/support/catch.h"

using deskwire::ErrorCode;
using deskwire::net::parse_listen_address;

TEST_CASE("a listen address is numeric, or localhost, with a port", "[net][listen]") {
  CHECK(parse_listen_address("127.0.0.1:8080")->port == 8080);
  CHECK(parse_listen_address("localhost:0")->host == "127.0.0.1");
  const auto six = parse_listen_address("[::1]:9");
  REQUIRE(six.has_value());
  CHECK(six->ipv6);
  CHECK(six->host == "::1");
  for (const char* wrong : {"", "8080", ":8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
                            "127.0.0.1:80x", "::1:80", "[127.0.0.1]:80", "desk.example:80"}) {
    CAPTURE(wrong);
    const auto parsed = parse_listen_address(wrong);
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().code == ErrorCode::kInvalid);
  }
}
