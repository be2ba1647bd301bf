#pragma once

#include <functional>
#include <string>

namespace CLI {  // NOLINT(readability-identifier-naming): the library is called so.
class App;
}

namespace deskwire::cli {

/// What the chosen command does once the whole command line has been understood; returns the
/// process's exit code. Set by the callback of exactly one subcommand.
using Action = std::function<int()>;

/// Each adds its subcommand with options and help. `app` and `action` outlive the parse.
/// @param program  As it was called, for commands that are suggested to people.
void add_serve(CLI::App& app, Action& action, const std::string& program);
void add_config(CLI::App& app, Action& action);
void add_doctor(CLI::App& app, Action& action);
void add_token(CLI::App& app, Action& action);
void add_send(CLI::App& app, Action& action);
void add_deliveries(CLI::App& app, Action& action);
void add_jobs(CLI::App& app, Action& action);
void add_sla(CLI::App& app, Action& action);
void add_replies(CLI::App& app, Action& action);
void add_completion(CLI::App& app, Action& action);
void add_watch(CLI::App& app, Action& action);

}  // namespace deskwire::cli
