#pragma once

#include "cli/commands.h"

namespace deskwire::cli {

// The subcommands of `deskwire sla`, a file each; command_sla.cc adds them.
void add_sla_calculations(CLI::App& sla, Action& action);
void add_sla_clocks(CLI::App& sla, Action& action);
void add_sla_pages(CLI::App& sla, Action& action);

}  // namespace deskwire::cli
