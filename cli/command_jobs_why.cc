// deskwire jobs why: one sentence.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/job_text.h"
#include "cli/jobs_commands.h"
#include "cli/reason_look_up.h"
#include "cli/table.h"
#include "core/json.h"

namespace deskwire::cli {
namespace {

struct WhyOptions {
  ConfigChoice config;
  std::string of;
  bool json = false;
};

int why(const WhyOptions& options) {
  return with_jobs(options.config, [&](JobAccess& access) -> int {
    const auto found = look_up_reason(access.store(), access.operators(), options.of);
    if (!found) return report(found.error());
    if (options.json) {
      std::cout << dump_json(to_json(*found)) << '\n';
      return kDone;
    }
    std::cout << (found->job.empty() ? "conversation " + printable(found->conversation)
                                     : "job " + found->job.str())
              << ": " << found->reason.why << '\n';
    return kDone;
  });
}

}  // namespace

void add_jobs_why(CLI::App& jobs, Action& action) {
  auto options = std::make_shared<WhyOptions>();
  auto* command =
      jobs.add_subcommand("why", "What a conversation or a job waits for, in a sentence");
  add_config_options(*command, options->config);
  command->add_option("of", options->of, "A conversation's key or a job's id")->required();
  command->add_flag("--json", options->json, "{\"state\":\"waiting\",\"why\":\"…\",…}");
  command->callback([options, &action] { action = [options] { return why(*options); }; });
}

}  // namespace deskwire::cli
