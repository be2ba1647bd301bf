#include "core/redis/redis_reply.h"

#include <charconv>

namespace deskwire::redis {

std::int64_t Reply::as_integer(std::int64_t fallback) const {
  if (kind == Kind::kInteger) return integer;
  if (kind != Kind::kString && kind != Kind::kStatus) return fallback;
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && stopped == end ? value : fallback;
}

std::string Reply::as_string() const {
  switch (kind) {
    case Kind::kString:
    case Kind::kStatus:
      return text;
    case Kind::kInteger:
      return std::to_string(integer);
    case Kind::kNil:
    case Kind::kArray:
    case Kind::kError:
      break;
  }
  return {};
}

const Reply& Reply::at(std::size_t index) const {
  static const Reply nil;
  return index < items.size() ? items[index] : nil;
}

}  // namespace deskwire::redis
