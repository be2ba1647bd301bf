#include "publishers/utf8.h"

#include <cstring>

namespace deskwire::publishers {

bool Utf8Checker::feed(std::string_view bytes) {
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  while (at != end) {
    if (expected_ == 0) {
      // Most text is ASCII: eight bytes at a time.
      std::uint64_t block = 0;
      while (end - at >= 8) {
        std::memcpy(&block, at, sizeof block);
        if ((block & 0x8080808080808080ULL) != 0) break;
        at += 8;
      }
      if (at == end) return true;
    }
    const auto byte = static_cast<std::uint8_t>(*at++);
    if (expected_ > 0) {
      if (byte < low_ || byte > high_) return false;
      low_ = 0x80;
      high_ = 0xBF;
      --expected_;
      continue;
    }
    if (byte < 0x80) continue;
    // RFC 3629 §4: the second byte's range depends on the first.
    if (byte < 0xC2 || byte > 0xF4) return false;
    if (byte < 0xE0) {
      expected_ = 1;
    } else if (byte < 0xF0) {
      expected_ = 2;
      if (byte == 0xE0) low_ = 0xA0;
      if (byte == 0xED) high_ = 0x9F;
    } else {
      expected_ = 3;
      if (byte == 0xF0) low_ = 0x90;
      if (byte == 0xF4) high_ = 0x8F;
    }
  }
  return true;
}

}  // namespace deskwire::publishers
