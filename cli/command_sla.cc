// deskwire sla: clocks, and the arithmetic under them.
#include <CLI/CLI.hpp>

#include "cli/sla_commands.h"

namespace deskwire::cli {

void add_sla(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("sla", "Look at service levels, and compute deadlines");
  command->require_subcommand(1);
  add_sla_clocks(*command, action);
  add_sla_calculations(*command, action);
  add_sla_pages(*command, action);
}

}  // namespace deskwire::cli
