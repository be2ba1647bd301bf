#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "cli/commands.h"
#include "cli/config_choice.h"
#include "cli/exit_code.h"
#include "config/load.h"

namespace deskwire::cli {
namespace {

int check(const ConfigChoice& choice) {
  const auto config = load_config(choice);
  if (!config) {
    // Each line names its place already.
    std::cerr << config.error().message << '\n';
    return kNotDone;
  }
  std::cout << (choice.file.empty() ? "the embedded default" : choice.file)
            << " is fine: " << config->sources.size()
            << (config->sources.size() == 1 ? " source" : " sources") << ", redis "
            << (config->redis.url.empty() ? "embedded" : "by url") << '\n';
  return kDone;
}

int show(const ConfigChoice& choice, bool defaults) {
  if (defaults) {
    std::cout << config::default_file();
    return kDone;
  }
  const auto config = load_config(choice);
  if (!config) {
    std::cerr << config.error().message << '\n';
    return kNotDone;
  }
  std::cout << config::show(*config);
  return kDone;
}

}  // namespace

void add_config(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("config", "Check or show the settings");
  command->require_subcommand(1);

  auto choice = std::make_shared<ConfigChoice>();
  auto* check_command = command->add_subcommand("check", "Find every mistake in a config file");
  add_config_options(*check_command, *choice);
  check_command->add_option("file", choice->file, "The config file, instead of --config");
  check_command->callback([choice, &action] { action = [choice] { return check(*choice); }; });

  auto shown = std::make_shared<ConfigChoice>();
  auto defaults = std::make_shared<bool>(false);
  auto* show_command =
      command->add_subcommand("show", "Print what is in effect as JSON, secrets redacted");
  add_config_options(*show_command, *shown);
  show_command->add_flag("--defaults", *defaults,
                         "Print the annotated default file instead: a start for your own");
  show_command->callback(
      [shown, defaults, &action] { action = [=] { return show(*shown, *defaults); }; });
}

}  // namespace deskwire::cli
