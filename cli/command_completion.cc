#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "cli/commands.h"
#include "cli/completion.h"
#include "cli/exit_code.h"

namespace deskwire::cli {

void add_completion(CLI::App& app, Action& action) {
  auto shell = std::make_shared<std::string>();
  auto* command = app.add_subcommand("completion", "Print a script that completes commands");
  command->add_option("shell", *shell, "bash or zsh")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh"}));
  command->callback([shell, &app, &action] {
    action = [shell, &app]() -> int {
      const auto script = completion_script(app, *shell);
      if (!script) return report(script.error());
      std::cout << *script;
      return kDone;
    };
  });
}

}  // namespace deskwire::cli
