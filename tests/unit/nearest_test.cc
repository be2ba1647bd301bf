#include "config/nearest.h"

#include "tests/support/catch.h"

using deskwire::config::nearest;

TEST_CASE("a misspelt word finds the one that was meant", "[config][nearest]") {
  const std::vector<std::string> known = {"listen", "hosts", "max_body_bytes", "head_timeout_ms"};
  CHECK(nearest("lisen", known) == "listen");
  CHECK(nearest("lsiten", known) == "listen");
  CHECK(nearest("host", known) == "hosts");
  CHECK(nearest("max_body", known) == "max_body_bytes");
  CHECK(nearest("head_timeout", known) == "head_timeout_ms");
  CHECK(nearest("he", known) == std::nullopt);
  CHECK(nearest("max_body_byte", known) == "max_body_bytes");
  CHECK(nearest("head_timeout_s", known) == "head_timeout_ms");
}

TEST_CASE("a word like no other finds nothing", "[config][nearest]") {
  CHECK(nearest("", {"listen"}) == std::nullopt);
  CHECK(nearest("zebra", {"listen", "hosts"}) == std::nullopt);
  CHECK(nearest("ab", {"x", "yz"}) == std::nullopt);
  CHECK(nearest(std::string(100000, 'x'), {"listen"}) == std::nullopt);
}
