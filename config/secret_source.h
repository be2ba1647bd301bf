#pragma once

#include <string>

#include "config/secret.h"
#include "core/result.h"

namespace deskwire::config {

/// The value of an environment variable.
/// @errors kNotFound: not set or empty.
Result<Secret> secret_from_environment(const std::string& name);

/// The text of a file without its trailing line ends.
///
/// @param base_dir  Directory of relative paths.
/// @errors kNotFound: cannot be opened, or empty. kInvalid: no regular file (a pipe would block),
///         or it contains a zero byte. kTooLarge: more than 64 KiB.
Result<Secret> secret_from_file(const std::string& path, const std::string& base_dir);

}  // namespace deskwire::config
