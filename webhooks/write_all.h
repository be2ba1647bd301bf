#pragma once

#include <string_view>

namespace deskwire::webhooks {

/// Writes everything to a descriptor, however often the kernel takes only a part.
/// @return False: it failed; errno says why, and some bytes may be there.
bool write_all(int fd, std::string_view bytes);

}  // namespace deskwire::webhooks
