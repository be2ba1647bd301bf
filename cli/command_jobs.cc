#include <CLI/CLI.hpp>
#include <array>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/config_choice.h"
#include "cli/exit_code.h"
#include "cli/halt_text.h"
#include "cli/job_access.h"
#include "cli/job_selection.h"
#include "cli/job_text.h"
#include "cli/jobs_bulk.h"
#include "cli/jobs_commands.h"
#include "cli/lineage.h"
#include "core/json.h"

namespace deskwire::cli {
namespace {

using nlohmann::json;

struct ListOptions {
  ConfigChoice config;
  FilterOptions filter;
  bool json = false;
};

struct ShowOptions {
  ConfigChoice config;
  std::string id;
  bool payload = false;
  bool json = false;
};

int list(const ListOptions& options) {
  const std::int64_t now_ms = SystemClock().wall_ms();
  const auto filter = read_filter(options.filter, now_ms);
  if (!filter) {
    report(filter.error());
    return kUsage;
  }
  return with_jobs(options.config, [&](JobAccess& access) -> int {
    const auto found = access.store().list(*filter);
    if (!found) return report(found.error());
    if (options.json) {
      json items = json::array();
      for (const jobs::Job& job : *found) items.push_back(to_json(job, false));
      std::cout << dump_json({{"jobs", std::move(items)}}) << '\n';
      return kDone;
    }
    if (found->empty()) {
      std::cout << (options.filter.any() ? "No job fits.\n" : "There are no jobs.\n");
      return kDone;
    }
    job_table(*found, now_ms).print(std::cout, terminal_width());
    if (found->size() == options.filter.limit) {
      std::cerr << "There may be more: raise --limit, or filter.\n";
    }
    return kDone;
  });
}

int show(const ShowOptions& options) {
  return with_jobs(options.config, [&](JobAccess& access) -> int {
    const auto job = access.store().get(JobId(options.id));
    if (!job) return report(job.error());
    const auto line = lineage_of(access.store(), *job);
    if (!line) return report(line.error());
    const auto history = access.operators().history(job->id);
    if (!history) return report(history.error());
    if (options.json) {
      json out = to_json(*job, options.payload);
      out["history"] = to_json(*history);
      out["line"] = lineage_json(*line);
      std::cout << dump_json(out) << '\n';
      return kDone;
    }
    const std::int64_t now_ms = access.clock().wall_ms();
    job_details(*job, now_ms).print(std::cout);
    for (const Table& table :
         {history_table(*history, now_ms), lineage_table(*line, *job, now_ms)}) {
      if (table.empty()) continue;
      std::cout << '\n';
      table.print(std::cout, terminal_width());
    }
    if (options.payload) std::cout << "\n" << printable(job->payload) << '\n';
    return kDone;
  });
}

int stats(const ConfigChoice& config, bool as_json) {
  return with_jobs(config, [&](JobAccess& access) -> int {
    const auto counts = access.store().counts();
    if (!counts) return report(counts.error());
    const auto kinds = access.store().counts_by_kind();
    if (!kinds) return report(kinds.error());
    const auto halts = access.operators().halts();
    if (!halts) return report(halts.error());
    if (as_json) {
      json out(*counts);
      out["kinds"] = *kinds;
      out["halts"] = to_json(*halts);
      std::cout << dump_json(out) << '\n';
      return kDone;
    }
    stats_table(*counts, *kinds).print(std::cout);
    const std::int64_t now_ms = access.clock().wall_ms();
    for (const jobs::Halt& halt : *halts) {
      std::cout << '\n' << name_of(halt.target) << ": " << halt_text(halt, now_ms);
    }
    if (!halts->empty()) std::cout << '\n';
    return kDone;
  });
}

/// What the parser alone cannot say.
void check_choice(const BulkOptions& options) {
  const bool chosen = !options.ids.empty() || options.filter.any();
  if (!options.batch.empty() || !options.cancel.empty()) {
    if (chosen || options.dry_run) {
      throw CLI::ValidationError("--batch and --cancel", "go with no job, filter or --dry-run");
    }
    return;
  }
  if (!chosen) throw CLI::RequiredError("A job's id or a filter");
  if (options.verb == BulkVerb::kDrop && options.filter.any() && options.filter.state.empty()) {
    throw CLI::RequiredError("With filters, --state");
  }
}

int run(const ConfigChoice& choice, const BulkOptions& options) {
  const auto config = load_config(choice);
  if (!config) return report(config.error());
  const auto access = JobAccess::open(*config);
  if (!access) return report(access.error());
  if (options.verb == BulkVerb::kReplay) return run_replay(**access, *config, options);
  return run_bulk(**access, options);
}

void add_bulk(CLI::App& command, const char* name, const char* help, BulkVerb verb,
              Action& action) {
  struct Options {
    ConfigChoice config;
    BulkOptions bulk;
  };
  constexpr std::size_t kBulkLimit = 10000;
  auto options = std::make_shared<Options>();
  options->bulk.verb = verb;
  auto* sub = command.add_subcommand(name, help);
  add_config_options(*sub, options->config);
  add_filter_options(*sub, options->bulk.filter, kBulkLimit);
  sub->add_option("id", options->bulk.ids, "Jobs, besides those that the filters find");
  sub->add_flag("--dry-run", options->bulk.dry_run,
                verb == BulkVerb::kReplay ? "Only say what each replay would come to"
                                          : "Only list what would be done");
  sub->add_flag("--json", options->bulk.json, "Result as JSON");
  sub->add_option("--rate", options->bulk.rate, "At most so many a second; 0: no limit")
      ->check(CLI::Range(std::size_t{0}, std::size_t{100000}))
      ->capture_default_str();
  add_operator_options(*sub, options->bulk.by);
  if (verb == BulkVerb::kReplay) {
    sub->add_flag("--again", options->bulk.again,
                  "Post anew what was posted already; without it a replay never repeats a reply");
    auto* batch = sub->add_option("--batch", options->bulk.batch, "Go on with this bulk replay");
    sub->add_option("--cancel", options->bulk.cancel, "Stop this bulk replay")->excludes(batch);
  }
  sub->callback([options, &action] {
    check_choice(options->bulk);
    options->bulk.arguments = as_arguments(options->config);
    action = [options] { return run(options->config, options->bulk); };
  });
}

}  // namespace

void add_jobs(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("jobs", "Look at jobs, and change what becomes of them");
  command->require_subcommand(1);

  auto listed = std::make_shared<ListOptions>();
  auto* ls = command->add_subcommand("ls", "List jobs, newest first");
  add_config_options(*ls, listed->config);
  add_filter_options(*ls, listed->filter, 50);
  ls->add_flag("--json", listed->json, "{\"jobs\":[…]}");
  ls->callback([listed, &action] { action = [listed] { return list(*listed); }; });

  auto shown = std::make_shared<ShowOptions>();
  auto* show_command = command->add_subcommand("show", "Everything about one job");
  add_config_options(*show_command, shown->config);
  show_command->add_option("id", shown->id, "The job's id")->required();
  show_command->add_flag("--payload", shown->payload, "Also what the customer wrote");
  show_command->add_flag("--json", shown->json, "As JSON");
  show_command->callback([shown, &action] { action = [shown] { return show(*shown); }; });

  auto counted = std::make_shared<ConfigChoice>();
  auto as_json = std::make_shared<bool>(false);
  auto* stats_command =
      command->add_subcommand("stats", "Count jobs by state, and say what is paused or parked");
  add_config_options(*stats_command, *counted);
  stats_command->add_flag("--json", *as_json, "{\"dead\":0,…,\"halts\":[…]}");
  stats_command->callback(
      [counted, as_json, &action] { action = [=] { return stats(*counted, *as_json); }; });

  add_bulk(*command, "retry", "Run jobs now that wait for their next attempt", BulkVerb::kRetry,
           action);
  add_bulk(*command, "replay", "Run dead or finished jobs anew, as new jobs", BulkVerb::kReplay,
           action);
  add_bulk(*command, "drop", "Cancel jobs that wait or are dead", BulkVerb::kDrop, action);
  add_jobs_why(*command, action);
  add_jobs_halts(*command, action);
  add_jobs_fsck(*command, action);
  add_jobs_audit(*command, action);
  add_jobs_tail(*command, action);
}

}  // namespace deskwire::cli
