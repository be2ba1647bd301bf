#include "core/timestamp.h"

#include "tests/support/catch.h"

using deskwire::iso8601;
using deskwire::parse_digits;
using deskwire::parse_iso8601_ms;

TEST_CASE("ISO 8601 times become Unix milliseconds", "[core][timestamp]") {
  CHECK(parse_iso8601_ms("1970-01-01T00:00:00Z") == 0);
  CHECK(parse_iso8601_ms("2026-06-10T08:43:22.431Z") == 1781081002431);
  CHECK(parse_iso8601_ms("2026-06-10T08:43:22.4319999Z") == 1781081002431);
  CHECK(parse_iso8601_ms("2026-06-10T08:43:22.4Z") == 1781081002400);
  CHECK(parse_iso8601_ms("2026-06-10T10:43:22+02:00") == 1781081002000);
  CHECK(parse_iso8601_ms("2026-06-10T05:13:22-03:30") == 1781081002000);
  CHECK(parse_iso8601_ms("2026-06-10 08:43:22Z") == 1781081002000);
  CHECK(parse_iso8601_ms("2024-02-29T00:00:00Z").has_value());
}

TEST_CASE("what is no ISO 8601 time is refused", "[core][timestamp]") {
  for (const char* text :
       {"", "2026", "2026-06-10", "2026-06-10T08:43:22", "2026-06-10T08:43:22.Z",
        "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-06-10T24:00:00Z",
        "2026-06-10T08:43:22Zx", "2026-06-10T08:43:22+0200", "1969-12-31T23:59:59Z",
        "-026-06-10T08:43:22Z", "2026-06-10T08:43:22.1234567890Z", "1781081002"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_iso8601_ms(text).has_value());
  }
}

TEST_CASE("a moment is written with as many digits as it needs", "[core][timestamp]") {
  CHECK(iso8601(0) == "1970-01-01T00:00:00Z");
  CHECK(iso8601(1781081002000) == "2026-06-10T08:43:22Z");
  CHECK(iso8601(1781081002431) == "2026-06-10T08:43:22.431Z");
  CHECK(iso8601(1781081002001) == "2026-06-10T08:43:22.001Z");
  CHECK(iso8601(253402300799999) == "9999-12-31T23:59:59.999Z");
}

TEST_CASE("digits are digits only", "[core][timestamp]") {
  CHECK(parse_digits("0") == 0);
  CHECK(parse_digits("999999999999999999") == 999999999999999999);
  for (const char* text : {"", "-1", "+1", " 1", "1 ", "1.0", "0x1", "1234567890123456789"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_digits(text).has_value());
  }
}
