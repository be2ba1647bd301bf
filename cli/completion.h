#pragma once

#include <string>
#include <string_view>

#include "core/result.h"

namespace CLI {  // NOLINT(readability-identifier-naming): the library is called so.
class App;
}

namespace deskwire::cli {

/// A script that teaches a shell the commands and options of `app`, so that it cannot lag behind
/// them. Hidden ones are left out.
///
/// @param shell  "bash" or "zsh".
/// @errors kInvalid: another shell.
Result<std::string> completion_script(const CLI::App& app, std::string_view shell);

}  // namespace deskwire::cli
