#include "config/load.h"
#include "tests/support/catch.h"

using namespace deskwire;

TEST_CASE("a listen address is a host and a port", "[config][listen]") {
  CHECK(config::parse_listen("127.0.0.1:8080")->host == "127.0.0.1");
  CHECK(config::parse_listen("127.0.0.1:8080")->port == 8080);
  CHECK(config::parse_listen("[::1]:0")->host == "::1");
  CHECK(config::parse_listen("[::1]:0")->port == 0);
  CHECK(config::parse_listen("localhost:65535")->port == 65535);
}

TEST_CASE("anything else is no listen address", "[config][listen]") {
  for (const char* text : {"", ":", "8080", ":8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
                           "127.0.0.1:-1", "127.0.0.1:80x", "::1:8080", "[::1]", "[::1]8080",
                           "[]:80", "[a]:80", "a b:80", "*:80", "http://a:80"}) {
    INFO(text);
    CHECK_FALSE(config::parse_listen(text).has_value());
  }
}

TEST_CASE("a name that only begins like the loopback network is not loopback", "[config][listen]") {
  CHECK(config::is_loopback("127.0.0.1"));
  CHECK(config::is_loopback("127.8.9.10"));
  CHECK(config::is_loopback("::1"));
  CHECK(config::is_loopback("localhost"));
  CHECK_FALSE(config::is_loopback("127.evil.example"));
  CHECK_FALSE(config::is_loopback("0.0.0.0"));
  CHECK_FALSE(config::is_loopback("::"));
  CHECK_FALSE(config::is_loopback("10.0.0.1"));
}
