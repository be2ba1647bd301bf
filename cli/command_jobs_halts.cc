// deskwire jobs pause, resume, park, unpark.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/halt_text.h"
#include "cli/job_selection.h"
#include "cli/jobs_commands.h"
#include "core/json.h"

namespace deskwire::cli {
namespace {

using jobs::HaltScope;
using nlohmann::json;

struct HaltOptions {
  ConfigChoice config;
  jobs::Operator by;
  jobs::HaltTarget target;
  bool all = false;
  bool ends = false;  ///< resume and unpark
  bool json = false;
};

std::string sentence(const HaltOptions& options, bool changed) {
  const bool park = options.target.scope == HaltScope::kParked;
  const std::string name = name_of(options.target);
  if (options.ends) {
    if (!changed) return name + " was not " + (park ? "parked" : "paused") + ".";
    return name + (park ? " is back in line." : " goes on.");
  }
  const std::string state = park ? "parked" : "paused";
  if (!changed) return name + " was " + state + " already; nothing was changed.";
  return name + " is " + state +
         "; running attempts end in their own time. Undo: " + resume_command(options.target) +
         as_arguments(options.config);
}

int change(const HaltOptions& options) {
  return with_jobs(options.config, [&](JobAccess& access) -> int {
    const jobs::Operator by = known_operator(options.by);
    jobs::OperatorStore& store = access.operators();
    const auto changed =
        options.ends ? store.resume(options.target, by) : store.halt(options.target, by);
    if (!changed) return report(changed.error());
    const auto halts = store.halts();
    if (!halts) return report(halts.error());
    if (options.json) {
      std::cout << dump_json({{"changed", *changed}, {"halts", to_json(*halts)}}) << '\n';
      return kDone;
    }
    std::cout << sentence(options, *changed) << '\n';
    if (options.ends) {
      const std::int64_t now_ms = access.clock().wall_ms();
      for (const jobs::Halt& halt : *halts) {
        if (halt.target.scope == HaltScope::kParked) continue;
        std::cout << "Still halted: " << name_of(halt.target) << ", " << halt_text(halt, now_ms)
                  << '\n';
      }
    }
    return kDone;
  });
}

void add_pause(CLI::App& jobs, const char* name, const char* help, bool ends, Action& action) {
  auto options = std::make_shared<HaltOptions>();
  options->ends = ends;
  auto kind = std::make_shared<std::string>();
  auto conversation = std::make_shared<std::string>();
  auto* command = jobs.add_subcommand(name, help);
  add_config_options(*command, options->config);
  auto* target = command->add_option_group("target");
  target->add_flag("--all", options->all, "Everything");
  target->add_option("--kind", *kind, "Jobs of a kind: reply, handoff, send, delivery")
      ->check(check_job_kind);
  target->add_option("--conversation", *conversation, "One conversation");
  target->require_option(1);
  add_operator_options(*command, options->by);
  command->add_flag("--json", options->json, "{\"changed\":true,\"halts\":[…]}");
  command->callback([options, kind, conversation, &action] {
    if (!kind->empty()) options->target = {HaltScope::kKind, *kind};
    if (!conversation->empty()) {
      options->target = {HaltScope::kConversation, conversation_of_argument(*conversation)};
    }
    action = [options] { return change(*options); };
  });
}

void add_park(CLI::App& jobs, const char* name, const char* help, bool ends, Action& action) {
  auto options = std::make_shared<HaltOptions>();
  options->ends = ends;
  options->target.scope = HaltScope::kParked;
  auto* command = jobs.add_subcommand(name, help);
  add_config_options(*command, options->config);
  command->add_option("conversation", options->target.name, "Key of the conversation")->required();
  add_operator_options(*command, options->by);
  command->add_flag("--json", options->json, "{\"changed\":true,\"halts\":[…]}");
  command->callback([options, &action] {
    options->target.name = conversation_of_argument(options->target.name);
    action = [options] { return change(*options); };
  });
}

}  // namespace

void add_jobs_halts(CLI::App& jobs, Action& action) {
  add_pause(jobs, "pause", "Start no attempts; timers and new jobs go on", false, action);
  add_pause(jobs, "resume", "End a pause", true, action);
  add_park(jobs, "park", "Put a conversation aside; it does not count as waiting", false, action);
  add_park(jobs, "unpark", "Put a parked conversation back in line", true, action);
}

}  // namespace deskwire::cli
