#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace deskwire::worker {

/// The text without card numbers (13 to 19 digits in groups that pass Luhn's check: the last four
/// stay) and without secrets: private keys, keys and tokens of known forms, and what follows
/// "password:" and its like. Linear in the text.
std::string masked(std::string_view text);

/// masked() for a text that comes in pieces: nothing is let out before it is sure that it is not
/// the beginning of something to be masked. The pieces together are masked(everything), however the
/// text was cut; beyond kMaxHeld bytes without an end in sight it is masked in parts.
class StreamMask {
 public:
  /// Most bytes that wait for the end of a word.
  static constexpr std::size_t kMaxHeld = 8192;

  /// @return What may be shown now.
  std::string add(std::string_view text);
  /// @return The rest.
  std::string end();

 private:
  std::string held_;
};

}  // namespace deskwire::worker
