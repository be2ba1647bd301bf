#pragma once

#include <cstddef>
#include <string>

#include "core/result.h"

namespace deskwire::config {

/// A whole regular file.
///
/// @errors kNotFound: cannot be opened (message with the system's reason). kInvalid: not a regular
///         file (a pipe would block). kTooLarge: more than `max_bytes`.
Result<std::string> read_file(const std::string& path, std::size_t max_bytes);

}  // namespace deskwire::config
