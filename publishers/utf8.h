#pragma once

#include <cstdint>
#include <string_view>

namespace deskwire::publishers {

/// Checks UTF-8 as it arrives, so that a bad byte is refused at once and not at the message's end.
/// Overlong forms, surrogates and code points beyond U+10FFFF are bad (RFC 3629).
class Utf8Checker {
 public:
  /// False as soon as the bytes so far cannot begin valid UTF-8.
  bool feed(std::string_view bytes);
  /// True when no character is cut off.
  bool complete() const { return expected_ == 0; }
  void reset() { *this = Utf8Checker(); }

 private:
  int expected_ = 0;         ///< Continuation bytes still to come.
  std::uint8_t low_ = 0x80;  ///< Range of the next continuation byte.
  std::uint8_t high_ = 0xBF;
};

}  // namespace deskwire::publishers
