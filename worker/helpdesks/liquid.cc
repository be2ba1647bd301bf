#include "worker/helpdesks/liquid.h"

#include <cstddef>

namespace deskwire::worker {

std::string neutralise_liquid(std::string_view text) {
  constexpr std::string_view kWordJoiner = "\xE2\x81\xA0";
  std::string safe;
  safe.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    safe += text[i];
    const bool opens =
        text[i] == '{' && i + 1 < text.size() && (text[i + 1] == '{' || text[i + 1] == '%');
    if (opens) safe += kWordJoiner;
  }
  return safe;
}

}  // namespace deskwire::worker
