#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/config_choice.h"
#include "cli/exit_code.h"
#include "config/load.h"
#include "core/json.h"

namespace deskwire::cli {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(std::move(line));
  return lines;
}

/// Each line of the message names its place already.
int mistaken(const Error& error) {
  std::cerr << error.message << '\n';
  return kNotDone;
}

Result<config::Config> load_without_mistake(const ConfigChoice& choice) {
  auto config = load_config(choice);
  if (!config) return config;
  if (Status usable = check_secret_forms(*config); !usable) return fail(std::move(usable).error());
  return config;
}

int check(const ConfigChoice& choice, bool as_json) {
  const auto config = load_without_mistake(choice);
  const std::string where = choice.file.empty() ? "the embedded default" : choice.file;
  if (as_json) {
    std::cout << dump_json({{"file", where},
                            {"fine", config.has_value()},
                            {"mistakes", config ? std::vector<std::string>()
                                                : lines_of(config.error().message)}})
              << '\n';
    return config ? kDone : kNotDone;
  }
  if (!config) return mistaken(config.error());
  std::cout << where << " is fine: " << config->sources.size()
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
  if (!config) return mistaken(config.error());
  std::cout << config::show(*config);
  return kDone;
}

/// The process that serves with this data directory; nullopt: none does.
std::optional<pid_t> serving_process(const std::string& data_dir) {
  const int fd = ::open((data_dir + "/serve.lock").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  std::array<char, 32> text{};
  const bool held = ::flock(fd, LOCK_SH | LOCK_NB) != 0;
  const ssize_t length = held ? ::read(fd, text.data(), text.size() - 1) : 0;
  ::close(fd);
  const long pid = length > 0 ? std::strtol(text.data(), nullptr, 10) : 0;
  return pid > 0 ? std::optional(static_cast<pid_t>(pid)) : std::nullopt;
}

/// A file with a mistake is not offered to anybody.
int reload(const ConfigChoice& choice, bool as_json) {
  const auto config = load_without_mistake(choice);
  if (!config) return mistaken(config.error());
  const auto pid = serving_process(config->data_dir);
  if (!pid) {
    std::cerr << "deskwire: config reload: no serve found by its data_dir"
              << (!config->redis.url.empty()
                      ? "; with redis.url send SIGHUP to the process (systemctl reload deskwire)\n"
                      : "; is `deskwire serve` running?\n");
    return kUnreachable;
  }
  if (::kill(*pid, SIGHUP) != 0) {
    std::cerr << "deskwire: config reload: cannot signal process " << *pid << ": "
              << std::strerror(errno) << '\n';
    return kNotDone;
  }
  if (as_json) {
    std::cout << dump_json({{"process", *pid}}) << '\n';
    return kDone;
  }
  std::cout << "process " << *pid << " reads it now; its log says reloaded, part by part\n";
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
  auto check_as_json = std::make_shared<bool>(false);
  check_command->add_flag("--json", *check_as_json, "Print one JSON object");
  check_command->callback(
      [=, &action] { action = [=] { return check(*choice, *check_as_json); }; });

  auto reloaded = std::make_shared<ConfigChoice>();
  auto* reload_command = command->add_subcommand(
      "reload", "Let a running serve take in changed secrets, keys, policies and reply rules");
  add_config_options(*reload_command, *reloaded);
  auto reload_as_json = std::make_shared<bool>(false);
  reload_command->add_flag("--json", *reload_as_json, "Print one JSON object");
  reload_command->callback(
      [=, &action] { action = [=] { return reload(*reloaded, *reload_as_json); }; });

  auto shown = std::make_shared<ConfigChoice>();
  auto defaults = std::make_shared<bool>(false);
  auto* show_command =
      command->add_subcommand("show", "Print what is in effect as JSON, secrets redacted");
  add_config_options(*show_command, *shown);
  auto json_anyway = std::make_shared<bool>(true);
  show_command->add_flag("--json", *json_anyway, "As it is: what is printed is JSON");
  show_command->add_flag("--defaults", *defaults,
                         "Print the annotated default file instead: a start for your own");
  show_command->callback([shown, defaults, json_anyway, &action] {
    action = [shown, defaults, json_anyway] { return show(*shown, *defaults); };
  });
}

}  // namespace deskwire::cli
