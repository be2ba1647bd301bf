#include "publishers/snooze.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>

#include "core/json.h"
#include "core/timestamp.h"

namespace deskwire::publishers {
namespace {

Refusal bad_field(const char* field, const std::string& cause) {
  return {ReplyCode::kBadField,
          std::string(field) + ": " + cause +
              "; a snooze lasts from 1 second to 7 days: give duration_s, or until as "
              "2026-11-20T10:00:00Z",
          field};
}

}  // namespace

std::optional<Refusal> read_snooze(const nlohmann::json& body, std::int64_t now_ms,
                                   jobs::AlertChange& change) {
  const bool until_given = body.contains("until");
  const bool duration_given = body.contains("duration_s");
  if (until_given && duration_given) return bad_field("until", "duration_s is given too");
  std::int64_t until_ms = 0;
  std::int64_t lasts_s = kUsualSnoozeS;
  if (until_given) {
    const auto at = parse_iso8601_ms(string_at(body, "until"));
    if (!at) return bad_field("until", "is no time");
    until_ms = *at;
    lasts_s = (until_ms - now_ms + 999) / 1000;
  } else if (duration_given) {
    const auto seconds = integer_at(body, "duration_s");
    if (!seconds) return bad_field("duration_s", "is no whole number");
    lasts_s = *seconds;
  }
  if (lasts_s < 1 || lasts_s > kLongestSnoozeS) {
    return bad_field(until_given ? "until" : "duration_s", "is out of range");
  }
  change.until_ms = until_ms;
  change.lasts = std::chrono::seconds(lasts_s);
  return std::nullopt;
}

}  // namespace deskwire::publishers
