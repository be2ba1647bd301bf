// deskwire jobs audit: what operators changed.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/audit_text.h"
#include "cli/jobs_commands.h"
#include "cli/time_text.h"
#include "core/json.h"

namespace deskwire::cli {
namespace {

struct AuditOptions {
  ConfigChoice config;
  std::string since;
  std::size_t limit = 50;
  bool json = false;
};

int audit(const AuditOptions& options) {
  jobs::AuditFilter filter;
  filter.limit = options.limit;
  if (!options.since.empty()) {
    const auto since = parse_since(options.since, SystemClock().wall_ms());
    if (!since) {
      report(Error(since.error()).prefixed("--since"));
      return kUsage;
    }
    filter.since_ms = *since;
  }
  return with_jobs(options.config, [&](JobAccess& access) -> int {
    const auto entries = access.operators().audit(filter);
    if (!entries) return report(entries.error());
    if (options.json) {
      std::cout << dump_json({{"entries", to_json(*entries)}}) << '\n';
    } else if (entries->empty()) {
      std::cout << "Nobody has changed anything.\n";
    } else {
      audit_table(*entries).print(std::cout, terminal_width());
    }
    return kDone;
  });
}

}  // namespace

void add_jobs_audit(CLI::App& jobs, Action& action) {
  auto options = std::make_shared<AuditOptions>();
  auto* command = jobs.add_subcommand("audit", "Who changed what, and why, newest first");
  add_config_options(*command, options->config);
  command->add_option("--since", options->since, "Since then: 15m, 2h, 7d or a date");
  command->add_option("--limit", options->limit, "At most so many")
      ->check(CLI::Range(std::size_t{1}, std::size_t{100000}))
      ->capture_default_str();
  command->add_flag("--json", options->json, "{\"entries\":[…]}");
  command->callback([options, &action] { action = [options] { return audit(*options); }; });
}

}  // namespace deskwire::cli
