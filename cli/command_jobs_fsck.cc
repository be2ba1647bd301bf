// deskwire jobs fsck: does everything lie where it belongs?
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/fsck_text.h"
#include "cli/jobs_commands.h"
#include "core/json.h"
#include "jobs/fsck.h"

namespace deskwire::cli {
namespace {

struct FsckOptions {
  ConfigChoice config;
  jobs::Operator by;
  bool repair = false;
  bool json = false;
};

int check(const FsckOptions& options) {
  return with_jobs(options.config, [&](JobAccess& access) -> int {
    const auto found = jobs::fsck(access.client(), options.repair, known_operator(options.by));
    if (!found) return report(found.error());
    if (options.json) {
      std::cout << dump_json(to_json(*found)) << '\n';
    } else {
      std::cout << fsck_text(*found, options.repair);
    }
    return found->findings == found->repaired ? kDone : kNotDone;
  });
}

}  // namespace

void add_jobs_fsck(CLI::App& jobs, Action& action) {
  auto options = std::make_shared<FsckOptions>();
  auto* command = jobs.add_subcommand(
      "fsck", "Check that every job and conversation lies where it belongs; safe while serving");
  add_config_options(*command, options->config);
  command->add_flag("--repair", options->repair, "Also repair what is wrong");
  add_operator_options(*command, options->by);
  command->add_flag("--json", options->json, "{\"found\":0,\"findings\":[…],…}");
  command->callback([options, &action] { action = [options] { return check(*options); }; });
}

}  // namespace deskwire::cli
