#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <iostream>
#include <string>
#include <system_error>

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/version.h"
#include "config/problems.h"
#include "core/log.h"

namespace {

/// An empty value is nearly always a shell variable that was not set. Taken as "no filter", it
/// would change far more than was meant.
void refuse_empty_values(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    if (option->get_items_expected_max() == 0) continue;  // A flag.
    option->check([](const std::string& value) {
      return value.empty() ? std::string("is empty; give a value, or leave it out") : std::string();
    });
  }
  for (CLI::App* command : app.get_subcommands({})) refuse_empty_values(*command);
}

int run(int argc, char** argv) {
  using namespace deskwire;
  using namespace deskwire::cli;
  CLI::App app{"Answers helpdesk webhooks, and shows every message on WebSockets as it happens."};
  app.name("deskwire");
  app.set_version_flag("--version", std::string("deskwire ") + kVersion);
  app.require_subcommand(1);
  app.footer("Begin with `deskwire serve`; it needs no config.");
  // Commands speak to people: only `serve` has a log, and sets its own level.
  log::init(log::Level::kOff, false);
  Action action;
  add_serve(app, action, argv[0]);
  add_send(app, action);
  add_watch(app, action);
  add_jobs(app, action);
  add_deliveries(app, action);
  add_sla(app, action);
  add_replies(app, action);
  add_token(app, action);
  add_config(app, action);
  add_doctor(app, action);
  add_completion(app, action);
  refuse_empty_values(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::RequiredError& error) {
    // A word that is no command is reported as a command that is missing.
    const auto words = app.remaining(true);
    if (words.empty() || words.front().starts_with('-')) return app.exit(error), kUsage;
    std::cerr << "deskwire: " << config::in_quotes(words.front())
              << " is no command here; --help lists them\n";
    return kUsage;
  } catch (const CLI::ParseError& error) {
    // Help and version are "errors" with code 0 that print to standard output.
    return app.exit(error) == 0 ? kDone : kUsage;
  }
  return action ? action() : kUsage;
}

/// Whoever reads the output shall not take half of it, or nothing, for all.
int after_output(int code) {
  errno = 0;
  // By the stream too: it may have failed long before, and then does not try again.
  const bool written = std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && std::cout.good();
  if (written) return code;
  // What failed earlier has left no reason behind; one more byte, after what is lost, tells it.
  if (errno == 0 && std::fputc('\n', stdout) != EOF) std::fflush(stdout);
  const int reason = errno;
  std::cerr << "deskwire: cannot write the output"
            << (reason != 0 ? ": " + std::generic_category().message(reason) : std::string())
            << '\n';
  return code == deskwire::cli::kDone ? deskwire::cli::kNotDone : code;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return after_output(run(argc, argv));
  } catch (const std::exception& error) {
    std::cerr << "deskwire: " << error.what() << '\n';
    return deskwire::cli::kNotDone;
  }
}
