#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/checkup.h"
#include "cli/commands.h"
#include "cli/config_choice.h"
#include "cli/exit_code.h"
#include "cli/table.h"
#include "core/json.h"

namespace deskwire::cli {
namespace {

std::string name_of(Finding::Level level) {
  switch (level) {
    case Finding::Level::kOk:
      return "ok";
    case Finding::Level::kWarn:
      return "warn";
    case Finding::Level::kFail:
      break;
  }
  return "FAIL";
}

void print(const std::vector<Finding>& findings, bool as_json) {
  if (as_json) {
    nlohmann::json items = nlohmann::json::array();
    for (const Finding& finding : findings) {
      std::string level = name_of(finding.level);
      if (level == "FAIL") level = "fail";
      items.push_back({{"check", finding.check},
                       {"level", level},
                       {"found", finding.found},
                       {"next", finding.next}});
    }
    std::cout << dump_json({{"checks", std::move(items)}}) << '\n';
    return;
  }
  Table table({"", "CHECK", "FOUND"});
  for (const Finding& finding : findings) {
    table.add({name_of(finding.level), finding.check, finding.found});
    if (!finding.next.empty()) table.add({"", "", "-> " + finding.next});
  }
  table.print(std::cout);
}

int doctor(const ConfigChoice& choice, bool as_json) {
  const auto config = load_config(choice);
  if (!config) {
    print({{Finding::Level::kFail, "config", config.error().message, ""}}, as_json);
    return kNotDone;
  }
  const std::vector<Finding> findings = check_up(*config);
  print(findings, as_json);
  for (const Finding& finding : findings) {
    if (finding.level == Finding::Level::kFail) return kNotDone;
  }
  return kDone;
}

}  // namespace

void add_doctor(CLI::App& app, Action& action) {
  auto choice = std::make_shared<ConfigChoice>();
  auto as_json = std::make_shared<bool>(false);
  auto* command =
      app.add_subcommand("doctor", "Check Redis, clocks, doors, directory and helpdesk tokens");
  add_config_options(*command, *choice);
  command->add_flag("--json", *as_json, "{\"checks\":[…]}");
  command->callback(
      [choice, as_json, &action] { action = [=] { return doctor(*choice, *as_json); }; });
}

}  // namespace deskwire::cli
