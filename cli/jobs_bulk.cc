#include "cli/jobs_bulk.h"

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/bulk_outcome.h"
#include "cli/exit_code.h"
#include "cli/job_text.h"
#include "cli/jobs_commands.h"
#include "cli/progress.h"
#include "core/json.h"

namespace deskwire::cli {
namespace {

using nlohmann::json;

const char* participle(BulkVerb verb) { return verb == BulkVerb::kDrop ? "dropped" : "retried"; }

Result<JobId> act(JobAccess& access, const JobId& id, const BulkOptions& options,
                  const jobs::Operator& by) {
  const Status done = options.verb == BulkVerb::kDrop
                          ? access.operators().drop(id, by)
                          : access.store().retry_now(id, by.actor, by.reason);
  if (!done) return fail(done.error());
  return id;
}

BulkOutcome act_on_all(JobAccess& access, const std::vector<jobs::Job>& selected,
                       const BulkOptions& options) {
  BulkOutcome outcome;
  const jobs::Operator by = known_operator(options.by);
  Progress progress(selected.size());
  Pace pace(options.rate);
  std::size_t count = 0;
  for (const jobs::Job& job : selected) {
    pace.wait();
    outcome.add(job.id, act(access, job.id, options, by));
    if (outcome.unreachable) break;
    progress.show(++count);
  }
  return outcome;
}

/// Whether the state allows it: what is asked for anew may have changed by then.
bool is_possible(BulkVerb verb, jobs::JobState state) {
  using State = jobs::JobState;
  if (verb == BulkVerb::kRetry) return state == State::kScheduled || state == State::kRetryable;
  return state != State::kRunning && state != State::kCompleted;
}

int dry_run(const std::vector<jobs::Job>& selected, const BulkOptions& options,
            std::int64_t now_ms) {
  const auto possible = [&](const jobs::Job& job) { return is_possible(options.verb, job.state); };
  const auto would =
      static_cast<std::size_t>(std::count_if(selected.begin(), selected.end(), possible));
  if (options.json) {
    json items = json::array();
    for (const jobs::Job& job : selected) {
      items.push_back(to_json(job, false));
      items.back()["would"] = possible(job) ? participle(options.verb) : "refused";
    }
    std::cout << dump_json({{"dry_run", true}, {"jobs", std::move(items)}}) << '\n';
    return would > 0 ? kDone : kNotDone;
  }
  job_table(selected, now_ms).print(std::cout, terminal_width());
  std::cout << would << (would == 1 ? " job" : " jobs") << " would be " << participle(options.verb);
  if (would < selected.size()) {
    std::cout << ", " << selected.size() - would << " refused because of "
              << (selected.size() - would == 1 ? "its state" : "their state");
  }
  std::cout << "; nothing was changed.\n";
  return would > 0 ? kDone : kNotDone;
}

void print_outcome(const BulkOutcome& outcome, const BulkOptions& options) {
  if (options.json) {
    std::cout << dump_json(to_json(outcome)) << '\n';
    return;
  }
  if (outcome.done.size() == 1) {
    std::cout << outcome.done.front().first.str()
              << (options.verb == BulkVerb::kDrop ? " is dropped" : " runs now") << '\n';
  } else if (!outcome.done.empty()) {
    std::cout << outcome.done.size() << " jobs were " << participle(options.verb) << ".\n";
  }
  print_failures(outcome);
}

}  // namespace

int run_bulk(JobAccess& access, const BulkOptions& options) {
  const std::int64_t now_ms = access.clock().wall_ms();
  const auto selected =
      select_jobs(access.store(), options.ids, options.filter, jobs::JobState::kRetryable, now_ms);
  if (!selected) return report(selected.error());
  if (selected->empty()) {
    std::cerr << "deskwire: no job fits\n";
    return kNotDone;
  }
  if (options.dry_run) return dry_run(*selected, options, now_ms);
  const BulkOutcome outcome = act_on_all(access, *selected, options);
  print_outcome(outcome, options);
  return outcome.exit_code();
}

}  // namespace deskwire::cli
