#pragma once

#include <string>

#include "cli/commands.h"
#include "cli/config_choice.h"
#include "cli/exit_code.h"
#include "cli/job_access.h"
#include "jobs/operator_store.h"

namespace deskwire::cli {

// The subcommands of `deskwire jobs`, a file each; command_jobs.cc adds them.
void add_jobs_halts(CLI::App& jobs, Action& action);
void add_jobs_why(CLI::App& jobs, Action& action);
void add_jobs_tail(CLI::App& jobs, Action& action);
void add_jobs_fsck(CLI::App& jobs, Action& action);
void add_jobs_audit(CLI::App& jobs, Action& action);

/// `--actor` and `--reason` of every command that changes something.
void add_operator_options(CLI::App& command, jobs::Operator& by);
/// The same with the name of whoever is logged in where no actor was given.
jobs::Operator known_operator(jobs::Operator by);

/// Opens the jobs and runs `use` with them.
template <typename Use>
int with_jobs(const ConfigChoice& choice, Use use) {
  const auto config = load_config(choice);
  if (!config) return report(config.error());
  const auto access = JobAccess::open(*config);
  if (!access) return report(access.error());
  return use(**access);
}

}  // namespace deskwire::cli
