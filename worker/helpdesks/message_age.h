#pragma once

#include <cstdint>
#include <string_view>

namespace deskwire::worker {

/// When the root job inside one of our message ids ("dw-<ULID>-1") was made, in Unix ms: no message
/// with that source_id can be older. 0 when it is not one of ours.
std::int64_t minted_at_ms(std::string_view our_message_id);

}  // namespace deskwire::worker
