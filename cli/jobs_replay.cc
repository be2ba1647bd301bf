// deskwire jobs replay: forecast, batches, one after the other.
#include <algorithm>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/batch_run.h"
#include "cli/bulk_outcome.h"
#include "cli/exit_code.h"
#include "cli/job_text.h"
#include "cli/jobs_bulk.h"
#include "cli/jobs_commands.h"
#include "cli/progress.h"
#include "cli/replay_forecast.h"
#include "core/json.h"

namespace deskwire::cli {
namespace {

using jobs::ReplayBatch;
using nlohmann::json;

/// Longest list of single jobs that people are shown.
constexpr std::size_t kListed = 20;

std::map<std::string, std::size_t> count(const std::vector<Forecast>& forecasts) {
  std::map<std::string, std::size_t> counts;
  for (const Forecast& one : forecasts) ++counts[one.would];
  return counts;
}

void print_counts(const std::vector<Forecast>& forecasts, std::ostream& out) {
  Table table({"JOBS", "WHAT A REPLAY COMES TO"});
  std::vector<std::pair<std::size_t, std::string>> rows;
  for (const auto& [would, jobs] : count(forecasts)) rows.emplace_back(jobs, would);
  std::sort(rows.rbegin(), rows.rend());
  for (const auto& [jobs, would] : rows)
    table.add({std::to_string(jobs), words_of_forecast(would)});
  table.print(out);
}

int dry_run(const std::vector<Forecast>& forecasts, const BulkOptions& options,
            std::int64_t now_ms) {
  if (options.json) {
    json items = json::array();
    for (const Forecast& one : forecasts) {
      json item = to_json(one.job, false);
      item["would"] = one.would;
      item["left_out"] = one.left_out;
      items.push_back(std::move(item));
    }
    std::cout << dump_json(
                     {{"dry_run", true}, {"counts", count(forecasts)}, {"jobs", std::move(items)}})
              << '\n';
    return kDone;
  }
  if (forecasts.size() <= kListed) {
    std::vector<jobs::Job> jobs;
    jobs.reserve(forecasts.size());
    for (const Forecast& one : forecasts) jobs.push_back(one.job);
    job_table(jobs, now_ms).print(std::cout, terminal_width());
    std::cout << '\n';
  }
  print_counts(forecasts, std::cout);
  std::cout << "Nothing was changed.\n";
  return kDone;
}

void print_batch(const ReplayBatch& batch, const BulkOutcome& outcome,
                 const std::vector<Forecast>& left_out, const BulkOptions& options) {
  const bool cancelled = batch.state == ReplayBatch::State::kCancelled;
  if (options.json) {
    json left = json::array();
    for (const Forecast& one : left_out) {
      left.push_back({{"id", one.job.id.str()}, {"would", one.would}});
    }
    json out = to_json(outcome);
    out["batch"] = batch.id;
    out["cancelled"] = cancelled;
    out["left"] = batch.left;
    out["left_out"] = std::move(left);
    std::cout << dump_json(out) << '\n';
    return;
  }
  std::cout << outcome.done.size() << " jobs were replayed";
  if (!outcome.failed.empty()) std::cout << ", " << outcome.failed.size() << " failed";
  std::cout << ".\n";
  if (!left_out.empty()) print_counts(left_out, std::cout);
  print_failures(outcome);
  if (cancelled) std::cerr << "deskwire: somebody cancelled it; " << batch.left << " were left\n";
}

int work_off(JobAccess& access, const BulkOptions& options, ReplayBatch batch,
             const std::vector<Forecast>& left_out) {
  const std::string id = batch.id;
  if (!options.json) {
    std::cerr << "Batch " << id << ", " << batch.left
              << " jobs. If it is interrupted: deskwire jobs replay --batch " << id
              << options.arguments << '\n';
  }
  BulkOutcome outcome;
  Status ran;
  {
    Progress progress(batch.total);
    ran = run_batch(access.batches(), batch, options.rate,
                    [&](const JobId& job, const Result<JobId>& made, std::size_t dealt_with) {
                      outcome.add(job, made);
                      progress.show(dealt_with);
                      return true;
                    });
  }
  print_batch(batch, outcome, left_out, options);
  if (!ran) return report(Error(ran.error()).prefixed("batch=" + id));
  if (batch.state == ReplayBatch::State::kCancelled) return kNotDone;
  return outcome.exit_code();
}

int replay_one(JobAccess& access, const BulkOptions& options, const JobId& id) {
  const jobs::Operator by = known_operator(options.by);
  BulkOutcome outcome;
  outcome.add(id, access.store().replay(id, options.again, by.actor, by.reason));
  if (options.json) {
    std::cout << dump_json(to_json(outcome)) << '\n';
  } else {
    for (const auto& [of, made] : outcome.done) {
      std::cout << of.str() << " is replayed as " << made.str() << '\n';
    }
    print_failures(outcome);
  }
  return outcome.exit_code();
}

int cancel(JobAccess& access, const BulkOptions& options) {
  const auto batch = access.batches().cancel(options.cancel, known_operator(options.by));
  if (!batch) return report(batch.error());
  if (options.json) {
    std::cout << dump_json({{"batch", batch->id}, {"cancelled", true}, {"left", batch->left}})
              << '\n';
  } else {
    std::cout << "Batch " << batch->id << " is cancelled; " << batch->replayed << " of "
              << batch->total << " were replayed.\n";
  }
  return kDone;
}

int go_on(JobAccess& access, const BulkOptions& options) {
  const auto batch = access.batches().find(options.batch);
  if (!batch) return report(batch.error());
  if (batch->state != ReplayBatch::State::kRunning) {
    const bool done = batch->state == ReplayBatch::State::kDone;
    return report({ErrorCode::kConflict, "batch=" + batch->id + ": it " +
                                             (done ? "is done: " : "was cancelled; ") +
                                             std::to_string(batch->replayed) + " of " +
                                             std::to_string(batch->total) + " were replayed"});
  }
  return work_off(access, options, *batch, {});
}

}  // namespace

int run_replay(JobAccess& access, const config::Config& config, const BulkOptions& options) {
  if (!options.cancel.empty()) return cancel(access, options);
  if (!options.batch.empty()) return go_on(access, options);
  const std::int64_t now_ms = access.clock().wall_ms();
  const auto selected =
      select_jobs(access.store(), options.ids, options.filter, jobs::JobState::kDead, now_ms);
  if (!selected) return report(selected.error());
  if (selected->empty()) {
    std::cerr << "deskwire: no job fits\n";
    return kNotDone;
  }
  const bool by_name = !options.filter.any();
  if (by_name && selected->size() == 1 && !options.dry_run) {
    return replay_one(access, options, selected->front().id);
  }
  const auto prospects = access.batches().prospects(*selected);
  if (!prospects) return report(prospects.error());
  const std::vector<Forecast> forecasts =
      forecast(*prospects, config, {.again = options.again, .by_name = by_name}, now_ms);
  if (options.dry_run) return dry_run(forecasts, options, now_ms);

  const auto [chosen, left_out] = choose_for_replay(forecasts);
  if (chosen.empty()) {
    std::cerr << "deskwire: nothing is left to replay\n";
    print_counts(left_out, std::cerr);
    return kNotDone;
  }
  auto batch = access.batches().create(chosen, options.again, known_operator(options.by));
  if (!batch) return report(batch.error());
  return work_off(access, options, std::move(*batch), left_out);
}

}  // namespace deskwire::cli
