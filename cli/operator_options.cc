#include <pwd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "cli/jobs_commands.h"

namespace deskwire::cli {
namespace {

std::string logged_in() {
  // Of the environment first: under sudo it is the person, where the account is only root.
  for (const char* name : {"SUDO_USER", "USER"}) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody changes it
    if (value != nullptr && *value != '\0') return value;
  }
  const passwd* user = ::getpwuid(::geteuid());  // NOLINT(concurrency-mt-unsafe): one thread asks
  return user != nullptr ? user->pw_name : std::to_string(::geteuid());
}

}  // namespace

void add_operator_options(CLI::App& command, jobs::Operator& by) {
  command.add_option("--actor", by.actor, "Who, for the audit [default: whoever is logged in]");
  command.add_option("--reason", by.reason, "Why, for the audit");
}

jobs::Operator known_operator(jobs::Operator by) {
  if (by.actor.empty()) by.actor = logged_in();
  return by;
}

}  // namespace deskwire::cli
