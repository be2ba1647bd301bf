#include "cli/time_text.h"

#include <array>
#include <charconv>
#include <ctime>
#include <optional>

#include "core/timestamp.h"

namespace deskwire::cli {
namespace {

struct Unit {
  char letter;
  std::int64_t ms;
};
constexpr std::array<Unit, 4> kUnits = {
    {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}}};
constexpr std::int64_t kLongest = 100LL * 366 * 86400000;

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || value < 0) {
    return std::nullopt;
  }
  return value;
}

/// A date alone is its first moment in UTC.
std::optional<std::int64_t> moment(const std::string& text) {
  constexpr std::size_t kDate = 10;
  return parse_iso8601_ms(text.size() == kDate ? text + "T00:00:00Z" : text);
}

std::string duration(std::int64_t ms) {
  const Unit* unit = kUnits.data();
  for (const Unit& candidate : kUnits) {
    // From two units on, so that "90s" is not rounded to "1m".
    if (ms >= 2 * candidate.ms) unit = &candidate;
  }
  return std::to_string(ms / unit->ms) + unit->letter;
}

}  // namespace

std::string iso_time(std::int64_t unix_ms) {
  if (unix_ms == 0) return "-";
  const auto seconds = static_cast<std::time_t>(unix_ms / 1000);
  std::tm parts{};
  std::array<char, 32> text{};
  if (::gmtime_r(&seconds, &parts) == nullptr) return "-";
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

std::string age(std::int64_t unix_ms, std::int64_t now_ms) {
  if (unix_ms == 0) return "-";
  return unix_ms <= now_ms ? duration(now_ms - unix_ms) : "in " + duration(unix_ms - now_ms);
}

std::string spoken(std::int64_t ms) {
  constexpr std::array<const char*, 4> kNames = {" s", " min", " h", " days"};
  std::size_t unit = 0;
  for (std::size_t i = 0; i < kUnits.size(); ++i) {
    if (ms >= 2 * kUnits.at(i).ms) unit = i;
  }
  return std::to_string(ms / kUnits.at(unit).ms) + kNames.at(unit);
}

std::string spoken_moment(std::int64_t unix_ms, std::int64_t now_ms) {
  const std::int64_t ahead = unix_ms - now_ms;
  if (ahead > -1000 && ahead < 1000) return "now";
  return ahead < 0 ? spoken(-ahead) + " ago" : "in " + spoken(ahead);
}

std::string clock_time(std::int64_t unix_ms, std::int64_t now_ms) {
  std::string text = iso_time(unix_ms);
  constexpr std::size_t kDate = 10;
  if (text.size() <= kDate) return text;
  if (text.compare(0, kDate, iso_time(now_ms), 0, kDate) == 0) return text.substr(kDate + 1);
  text[kDate] = ' ';
  return text;
}

Result<std::int64_t> parse_since(std::string_view text, std::int64_t now_ms) {
  if (const auto unix_ms = number(text)) return *unix_ms;
  if (const auto at = moment(std::string(text))) return *at;
  for (const Unit& unit : kUnits) {
    if (!text.ends_with(unit.letter)) continue;
    const auto count = number(text.substr(0, text.size() - 1));
    if (count && *count <= kLongest / unit.ms) return now_ms - *count * unit.ms;
  }
  return fail(ErrorCode::kInvalid, "'" + std::string(text) +
                                       "' is no moment; write 90s, 15m, 2h, 7d, "
                                       "2026-11-21, 2026-11-21T10:00:00Z or Unix milliseconds");
}

}  // namespace deskwire::cli
