#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace deskwire::redis {

/// Appends `parts` to `out` as one RESP command (an array of bulk strings), without a copy of its
/// own: all commands of a write lie in one buffer.
void append_command(std::string& out, const std::vector<std::string>& parts);

/// Appends `EVAL(SHA) <script> <number of keys> keys… args…`.
void append_script(std::string& out, std::string_view verb, std::string_view script,
                   const std::vector<std::string>& keys, const std::vector<std::string>& args);

}  // namespace deskwire::redis
