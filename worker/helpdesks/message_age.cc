#include "worker/helpdesks/message_age.h"

#include <cstddef>

#include "jobs/effects.h"

namespace deskwire::worker {

std::int64_t minted_at_ms(std::string_view our_message_id) {
  constexpr std::string_view kCrockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  constexpr std::size_t kTimeCharacters = 10;
  const std::string_view root = jobs::root_of_message(our_message_id);
  if (root.size() < kTimeCharacters) return 0;
  std::int64_t time = 0;
  for (const char c : root.substr(0, kTimeCharacters)) {
    const std::size_t digit = kCrockford.find(c);
    if (digit == std::string_view::npos) return 0;
    time = time * 32 + static_cast<std::int64_t>(digit);
  }
  return time;
}

}  // namespace deskwire::worker
