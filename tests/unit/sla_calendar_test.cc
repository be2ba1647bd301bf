#include "tests/support/catch.h"
#include "tests/support/sla_cases.h"
#include "worker/sla/calendar.h"

using namespace deskwire;
using deskwire::test::at;
using nlohmann::json;
using worker::Calendar;
using worker::Pause;

namespace {

constexpr const char* kBerlin = R"({"timezone": "Europe/Berlin", "hours": {
  "mon": [["09:00", "17:00"]], "tue": [["09:00", "17:00"]], "wed": [["09:00", "17:00"]],
  "thu": [["09:00", "17:00"]], "fri": [["09:00", "17:00"]]}})";

Calendar calendar(const std::string& text) {
  const auto schedule = config::parse_schedule(text);
  if (!schedule) FAIL(schedule.error().message);
  return *Calendar::make(*schedule);
}

std::string moment(std::optional<std::int64_t> unix_ms) {
  return unix_ms ? iso8601(*unix_ms) : "-";
}

}  // namespace

TEST_CASE("business hours are counted as in the verified cases", "[worker][sla][calendar]") {
  const json cases = test::sla_cases();
  REQUIRE(cases.size() == 64);
  for (const json& one : cases) {
    CAPTURE(one.at("id").get<std::string>());
    const Calendar hours = calendar(one.dump());
    const std::int64_t start = at(one.at("start_utc"));
    const auto pauses = test::pauses_of(one);
    const json& expected = one.at("expected");
    const auto op = one.at("op").get<std::string>();
    if (op == "deadline") {
      const auto due = hours.deadline(start, one.at("target_s").get<std::int64_t>() * 1000, pauses);
      const json& wanted = expected.at("deadline_utc");
      CHECK(moment(due) == (wanted.is_null() ? "-" : wanted.get<std::string>()));
      if (due) CHECK(hours.elapsed(start, *due, pauses) == one.at("target_s").get<int>() * 1000);
    } else if (op == "elapsed") {
      CHECK(hours.elapsed(start, at(one.at("end_utc")), pauses) ==
            expected.at("elapsed_s").get<std::int64_t>() * 1000);
    } else if (op == "next_open") {
      CHECK(moment(hours.next_open(start)) == expected.at("next_open_utc").get<std::string>());
    } else {
      REQUIRE(op == "is_open");
      CHECK(hours.is_open(start) == expected.at("open").get<bool>());
    }
  }
}

TEST_CASE("milliseconds are kept", "[worker][sla][calendar]") {
  const Calendar hours = calendar(kBerlin);
  const std::int64_t start = at("2025-06-02T14:59:59.500Z");
  CHECK(moment(hours.deadline(start, 750)) == "2025-06-03T07:00:00.250Z");
  CHECK(hours.elapsed(start, at("2025-06-03T07:00:00.125Z")) == 625);
  const std::vector<Pause> pauses = {{start + 100, start + 300}};
  CHECK(moment(hours.deadline(start, 300, pauses)) == "2025-06-02T15:00:00Z");
}

TEST_CASE("a target is not reached during a pause that still lasts", "[worker][sla][calendar]") {
  const Calendar hours = calendar(kBerlin);
  const std::int64_t start = at("2025-06-02T08:00:00Z");
  const std::vector<Pause> open = {{start + 600000, std::nullopt}};
  CHECK(hours.deadline(start, 600001, open) == std::nullopt);
  // It had been reached before.
  CHECK(hours.deadline(start, 600000, open) == start + 600000);
  CHECK(hours.elapsed(start, start + 3600000, open) == 600000);
}

TEST_CASE("pauses may overlap, touch, be empty and come in any order", "[worker][sla][calendar]") {
  const Calendar hours = calendar(kBerlin);
  const std::int64_t start = at("2025-06-02T08:00:00Z");
  const std::vector<Pause> pauses = {{start + 4000, start + 6000},
                                     {start + 1000, start + 2000},
                                     {start + 1500, start + 4000},
                                     {start + 9000, start + 9000},
                                     {start - 5000, start - 1000}};
  CHECK(hours.elapsed(start, start + 10000, pauses) == 5000);
  CHECK(hours.deadline(start, 1001, pauses) == start + 6001);
}

TEST_CASE("a calendar that never opens has no deadline and no opening", "[worker][sla][calendar]") {
  for (const char* text : {R"({"timezone": "Europe/Berlin", "hours": {}})",
                           R"({"timezone": "Europe/Berlin", "hours": {"mon": []}})",
                           R"({"timezone": "Europe/Berlin", "hours": {"mon": [["09:00", "10:00"]]},
                               "changes": [{"effective_from": "2025-01-01T00:00:00Z",
                                            "timezone": "Europe/Berlin", "hours": {}}]})"}) {
    const Calendar hours = calendar(text);
    const std::int64_t start = at("2025-06-02T08:00:00Z");
    CHECK(hours.deadline(start, 1000) == std::nullopt);
    CHECK(hours.next_open(start) == std::nullopt);
    CHECK(hours.elapsed(start, start + 86400000) == 0);
  }
}

TEST_CASE("an opening is found within 400 days and not beyond", "[worker][sla][calendar]") {
  const Calendar hours = calendar(
      R"({"timezone": "Etc/UTC", "hours": {}, "overrides": {"2026-06-02": [["09:00", "10:00"]]}})");
  CHECK(moment(hours.next_open(at("2025-06-02T08:00:00Z"))) == "2026-06-02T09:00:00Z");
  CHECK(hours.next_open(at("2025-01-02T08:00:00Z")) == std::nullopt);
  CHECK(hours.deadline(at("2025-06-02T08:00:00Z"), 3600001) == std::nullopt);
}

TEST_CASE("the version of a calendar is the one in effect", "[worker][sla][calendar]") {
  const Calendar hours = calendar(
      R"({"version": 3, "timezone": "Etc/UTC", "hours": {},
          "changes": [{"effective_from": "2026-01-01T00:00:00Z", "version": 4, "always": true}]})");
  CHECK(hours.version_at(at("2025-12-31T23:59:59Z")) == 3);
  CHECK(hours.version_at(at("2026-01-01T00:00:00Z")) == 4);
  CHECK(Calendar::always().version_at(0) == 1);
}

TEST_CASE("an office that is always open counts every second", "[worker][sla][calendar]") {
  const Calendar hours = Calendar::always();
  CHECK(hours.deadline(0, 5) == 5);
  CHECK(hours.next_open(7) == 7);
  CHECK(hours.elapsed(0, 86400000) == 86400000);
  CHECK(hours.elapsed(5, 0) == 0);
  CHECK(hours.deadline(0, 0) == std::nullopt);
}

TEST_CASE("openings that touch at midnight are one", "[worker][sla][calendar]") {
  const Calendar hours = calendar(
      R"({"timezone": "Etc/UTC", "hours": {"fri": [["22:00", "24:00"]], "sat": [["00:00", "06:00"]]}})");
  const std::int64_t start = at("2025-06-06T22:00:00Z");
  CHECK(hours.elapsed(start, start + 86400000) == 8 * 3600000);
  CHECK(hours.is_open(at("2025-06-06T23:59:59.999Z")));
  CHECK(hours.is_open(at("2025-06-07T00:00:00Z")));
  CHECK_FALSE(hours.is_open(at("2025-06-07T06:00:00Z")));
}

TEST_CASE("a day that a place never had has no hours", "[worker][sla][calendar]") {
  const Calendar hours = calendar(
      R"({"timezone": "Pacific/Apia", "hours": {"thu": [["09:00", "17:00"]],
          "fri": [["09:00", "17:00"]], "sat": [["09:00", "17:00"]]}})");
  // Thursday 16:00, and 2 h: Friday 2011-12-30 was skipped, so Saturday 10:00 local.
  CHECK(moment(hours.deadline(at("2011-12-30T02:00:00Z"), 7200000)) == "2011-12-30T20:00:00Z");
}
