#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace deskwire::jobs {

/// Decodes the entity at the start of `text` (which begins with '&') and appends it to `out`.
/// Knows the numeric forms and the names that mail programs write; a name must end with ';'.
///
/// @return Bytes of `text` taken; 0 when it is no entity we know (then '&' is just a character).
std::size_t decode_entity(std::string_view text, std::string& out);

}  // namespace deskwire::jobs
