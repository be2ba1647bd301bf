#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace deskwire {

/// Unix milliseconds of an ISO 8601 time as helpdesks and people write it:
/// `2026-06-10T08:43:22.431Z`, with or without a fraction, `Z` or `±hh:mm`. Years 1970 to 9999.
///
/// @return nullopt for anything else.
std::optional<std::int64_t> parse_iso8601_ms(std::string_view text);

/// "2026-06-10T08:43:22Z", with three digits of a fraction where it is not zero.
///
/// @param unix_ms  Years 1970 to 9999.
std::string iso8601(std::int64_t unix_ms);

/// A decimal number of 1..18 digits without sign or spaces.
std::optional<std::int64_t> parse_digits(std::string_view text);

}  // namespace deskwire
