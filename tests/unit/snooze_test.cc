#include "publishers/snooze.h"

#include <nlohmann/json.hpp>

#include "core/timestamp.h"
#include "tests/support/catch.h"

using namespace deskwire;
using nlohmann::json;

namespace {

const std::int64_t kNow = *parse_iso8601_ms("2026-11-20T10:00:00Z");

jobs::AlertChange read(const json& body) {
  jobs::AlertChange change;
  const auto refusal = publishers::read_snooze(body, kNow, change);
  REQUIRE_FALSE(refusal);
  return change;
}

/// The field that is to blame.
std::string blamed(const json& body) {
  jobs::AlertChange change;
  const auto refusal = publishers::read_snooze(body, kNow, change);
  REQUIRE(refusal);
  CHECK(refusal->code == publishers::ReplyCode::kBadField);
  CHECK(change.lasts == Milliseconds(0));
  return refusal->field;
}

}  // namespace

TEST_CASE("a snooze lasts until then, so long, or half an hour", "[publishers][sla]") {
  CHECK(read(json::object()).lasts == std::chrono::minutes(30));
  CHECK(read({{"duration_s", 1}}).lasts == std::chrono::seconds(1));
  CHECK(read({{"duration_s", 604800}}).lasts == std::chrono::hours(168));
  const auto until = read({{"until", "2026-11-20T12:00:00+01:00"}});
  CHECK(until.until_ms == kNow + 3600000);
  CHECK(until.lasts == std::chrono::hours(1));
}

TEST_CASE("a snooze that is no time within a week is refused with its field", "[publishers][sla]") {
  for (const json& until : {json("foo"), json("2020-01-01T00:00:00Z"), json("2026-11-20T10:00:00Z"),
                            json("2026-11-28T10:00:00Z"), json(1795168800), json(nullptr)}) {
    CAPTURE(until.dump());
    CHECK(blamed({{"until", until}}) == "until");
  }
  for (const json& seconds : {json("x"), json("60"), json(1e9), json(0), json(-1), json(604801),
                              json(1.5), json(nullptr)}) {
    CAPTURE(seconds.dump());
    CHECK(blamed({{"duration_s", seconds}}) == "duration_s");
  }
  CHECK(blamed({{"until", "2026-11-20T11:00:00Z"}, {"duration_s", 3600}}) == "until");
}
