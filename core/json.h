#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/result.h"

namespace deskwire {

/// Limits of one document. Beyond them the answer is kTooLarge, before memory is spent.
struct JsonLimits {
  std::size_t max_bytes = 4U << 20U;
  std::size_t max_depth = 64;
  bool allow_comments = false;  ///< `//` and `/* */`, for config files only.
  bool unique_keys = false;     ///< A repeated key is kInvalid (config). Else the last one wins,
                                ///< as in Ruby and JavaScript, whose senders we hear.
  /// What lies under these keys, at any depth, is checked but not kept.
  std::span<const std::string_view> ignored_keys{};
  bool drop_deeper = false;  ///< What lies deeper is checked but not kept, and is no error.
};

/// Parses UTF-8 JSON. Half a surrogate pair ("\ud83d" alone: a text that JavaScript cut inside an
/// emoji), which RFC 8259 §8.2 leaves open, is read as U+FFFD.
/// @errors kInvalid: not JSON, or bad UTF-8 (message: position, never the content).
///         kTooLarge: deeper or longer than the limits.
Result<nlohmann::json> parse_json(std::string_view text, const JsonLimits& limits = {});

/// Compact JSON; invalid UTF-8 inside strings is replaced by U+FFFD, never thrown about.
std::string dump_json(const nlohmann::json& value);

/// `text` as a JSON string literal with quotes.
std::string json_quote(std::string_view text);

/// Readers that never throw. A missing key, null or another type gives the fallback or nullopt.
/// Integers beyond 2^53 survive (they are never held in a double).
std::string string_at(const nlohmann::json& object, std::string_view key,
                      std::string_view fallback = {});
std::optional<std::int64_t> integer_at(const nlohmann::json& object, std::string_view key);
bool bool_at(const nlohmann::json& object, std::string_view key, bool fallback = false);
/// A string as it is, an integer in decimal; nullopt for anything else.
std::optional<std::string> id_at(const nlohmann::json& object, std::string_view key);
/// The object at `key`, or an empty object (a reference to a static one).
const nlohmann::json& object_at(const nlohmann::json& object, std::string_view key);

}  // namespace deskwire
