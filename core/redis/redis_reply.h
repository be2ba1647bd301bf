#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace deskwire::redis {

/// A Redis answer as a value (RESP2).
struct Reply {
  enum class Kind : std::uint8_t { kNil, kString, kStatus, kInteger, kArray, kError };
  Kind kind = Kind::kNil;
  std::string text;          ///< kString, kStatus, kError.
  std::int64_t integer = 0;  ///< kInteger.
  std::vector<Reply> items;  ///< kArray.

  bool is_nil() const { return kind == Kind::kNil; }
  bool is_array() const { return kind == Kind::kArray; }
  /// The integer, also from a decimal string; `fallback` otherwise.
  std::int64_t as_integer(std::int64_t fallback = 0) const;
  /// The text of a string or status, an integer in decimal, or empty.
  std::string as_string() const;
  /// items[index], or a nil reply when there is none: foreign data in Redis never crashes us.
  const Reply& at(std::size_t index) const;
};

}  // namespace deskwire::redis
