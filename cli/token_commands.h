#pragma once

#include "cli/commands.h"

namespace deskwire::cli {

// The subcommands of `deskwire token`; command_token.cc adds them.
void add_token_revoke(CLI::App& token, Action& action);
void add_token_revocations(CLI::App& token, Action& action);

}  // namespace deskwire::cli
