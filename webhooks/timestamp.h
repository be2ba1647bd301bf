#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace deskwire::webhooks {

/// Unix milliseconds of an ISO 8601 time as helpdesks write it: `2026-06-10T08:43:22.431Z`, with or
/// without a fraction, `Z` or `±hh:mm`. Years 1970 to 9999.
///
/// @return nullopt for anything else.
std::optional<std::int64_t> parse_iso8601_ms(std::string_view text);

/// A decimal number of 1..18 digits without sign or spaces.
std::optional<std::int64_t> parse_digits(std::string_view text);

}  // namespace deskwire::webhooks
