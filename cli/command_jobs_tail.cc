// deskwire jobs tail: jobs as their states change.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/job_reason.h"
#include "cli/job_selection.h"
#include "cli/job_text.h"
#include "cli/jobs_commands.h"
#include "cli/table.h"
#include "cli/time_text.h"
#include "core/json.h"
#include "jobs/job_tail.h"

namespace deskwire::cli {
namespace {

constexpr Milliseconds kPatience{1000};

struct TailOptions {
  ConfigChoice config;
  FilterOptions filter;
  bool json = false;
};

void show(const jobs::Job& job, std::int64_t now_ms, bool as_json) {
  if (as_json) {
    std::cout << dump_json(to_json(job, false)) << std::endl;
  } else {
    std::cout << clock_time(now_ms, now_ms) << "  " << job_line(job, now_ms) << std::endl;
  }
}

int follow(JobAccess& access, const redis::Client::Options& connection, const TailOptions& options,
           const jobs::JobFilter& filter) {
  jobs::JobTail tail(access.client(), connection);
  tail.start();
  bool began = false;
  for (;;) {
    const auto piece = tail.next(kPatience);
    if (!piece) {
      std::cerr << "deskwire: jobs tail: " << piece.error().message << '\n';
      continue;
    }
    if (piece->began) {
      std::cerr << (began ? "deskwire: jobs tail: connected again; some changes were missed\n"
                          : "Following jobs (Ctrl-C ends)\n");
      began = true;
    }
    if (piece->missed) {
      std::cerr << "deskwire: jobs tail: too many at once; some changes were missed\n";
    }
    for (const jobs::Job& job : piece->changed) {
      if (fits(job, filter)) show(job, access.clock().wall_ms(), options.json);
    }
    if (!std::cout) return kDone;  // Whoever read it has gone.
  }
}

int tail(const TailOptions& options) {
  const auto filter = read_filter(options.filter, SystemClock().wall_ms());
  if (!filter) {
    report(filter.error());
    return kUsage;
  }
  const auto config = load_config(options.config);
  if (!config) return report(config.error());
  const auto connection = client_options(*config, "deskwire-tail");
  if (!connection) return report(connection.error());
  const auto access = JobAccess::open(*config);
  if (!access) return report(access.error());
  return follow(**access, *connection, options, *filter);
}

}  // namespace

void add_jobs_tail(CLI::App& jobs, Action& action) {
  auto options = std::make_shared<TailOptions>();
  auto* command = jobs.add_subcommand("tail", "Follow jobs as their states change");
  add_config_options(*command, options->config);
  command->add_option("--state", options->filter.state, "Only those that come into this state");
  command->add_option("--kind", options->filter.kind, "Only jobs of this kind")
      ->check(check_job_kind);
  command->add_option("--conversation", options->filter.conversation, "Only of this conversation");
  command->add_option("--error", options->filter.error, "Only with this code of the last failure");
  command->add_flag("--json", options->json, "One job a line");
  command->callback([options, &action] { action = [options] { return tail(*options); }; });
}

}  // namespace deskwire::cli
