#include "core/time_zone.h"

#include "core/timestamp.h"
#include "tests/support/catch.h"

using namespace deskwire;
using namespace std::chrono_literals;

namespace {

LocalDay day(int year, unsigned month, unsigned number) {
  return LocalDay{std::chrono::year{year} / std::chrono::month{month} / std::chrono::day{number}};
}

std::string utc(const char* zone, LocalDay local, int hour, int minute) {
  return iso8601(TimeZone::load(zone)->to_utc_ms(local, (hour * 60 + minute) * 60));
}

}  // namespace

TEST_CASE("a local time is one instant, whatever the clocks do", "[core][time_zone]") {
  CHECK(utc("Europe/Berlin", day(2025, 6, 2), 9, 0) == "2025-06-02T07:00:00Z");
  CHECK(utc("Europe/Berlin", day(2025, 6, 2), 24, 0) == "2025-06-02T22:00:00Z");
  // Skipped: the instant at which the clocks are put forward. Shown twice: the first time.
  CHECK(utc("Europe/Berlin", day(2025, 3, 30), 2, 30) == "2025-03-30T01:00:00Z");
  CHECK(utc("Europe/Berlin", day(2025, 10, 26), 2, 30) == "2025-10-26T00:30:00Z");
  // A day that one island never had.
  CHECK(utc("Pacific/Apia", day(2011, 12, 30), 9, 0) == "2011-12-30T10:00:00Z");
}

TEST_CASE("an instant has a local day", "[core][time_zone]") {
  const auto berlin = TimeZone::load("Europe/Berlin");
  REQUIRE(berlin.has_value());
  CHECK(berlin->local_day(*parse_iso8601_ms("2025-06-02T21:59:59.999Z")) == day(2025, 6, 2));
  CHECK(berlin->local_day(*parse_iso8601_ms("2025-06-02T22:00:00Z")) == day(2025, 6, 3));
}

TEST_CASE("what is no zone of the tz database is refused", "[core][time_zone]") {
  for (const char* name :
       {"", "Europe/Berln", "/etc/passwd", "/usr/share/zoneinfo/Europe/Berlin", "localtime",
        "Europe/../Europe/Berlin", "libc:localtime", "Europe/Berlin\n", "Europe"}) {
    CAPTURE(name);
    const auto zone = TimeZone::load(name);
    REQUIRE_FALSE(zone.has_value());
    CHECK(zone.error().code == ErrorCode::kNotFound);
  }
  CHECK(TimeZone::load("Etc/UTC").has_value());
  CHECK(TimeZone::load("America/Argentina/Buenos_Aires").has_value());
  CHECK(TimeZone::load("Etc/GMT+8").has_value());
}
