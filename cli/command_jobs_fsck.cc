// deskwire jobs fsck: does everything lie where it belongs?
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/fsck_text.h"
#include "cli/jobs_commands.h"
#include "cli/table.h"
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

void print_text(const jobs::FsckReport& report, bool repair) {
  for (const jobs::FsckFinding& one : report.list) {
    std::cout << (one.repaired ? "repaired: " : "wrong: ") << printable(one.what) << '\n';
  }
  if (report.findings > report.list.size()) {
    std::cout << "and " << report.findings - report.list.size() << " more\n";
  }
  std::cout << report.jobs << " jobs and " << report.lanes << " lanes were looked at: "
            << (report.findings == 0 ? "all is as it should be.\n"
                                     : std::to_string(report.findings) + " things are wrong, " +
                                           std::to_string(report.repaired) + " repaired.\n");
  if (report.findings > report.repaired && !repair) {
    std::cout << "Repair: deskwire jobs fsck --repair\n";
  }
  if (report.shards_not_counted > 0) {
    std::cout << "The counters of " << report.shards_not_counted
              << " shards were not compared, because jobs moved meanwhile; for these run it again "
                 "when it is quiet.\n";
  }
}

int check(const FsckOptions& options) {
  return with_jobs(options.config, [&](JobAccess& access) -> int {
    const auto found = jobs::fsck(access.client(), options.repair, known_operator(options.by));
    if (!found) return report(found.error());
    if (options.json) {
      std::cout << dump_json(to_json(*found)) << '\n';
    } else {
      print_text(*found, options.repair);
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
