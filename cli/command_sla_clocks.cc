// deskwire sla ls, show, ack, unack, snooze.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/job_selection.h"
#include "cli/jobs_commands.h"
#include "cli/sla_commands.h"
#include "cli/sla_text.h"
#include "core/json.h"
#include "jobs/alert_desk.h"
#include "publishers/snooze.h"

namespace deskwire::cli {
namespace {

using nlohmann::json;

struct ListOptions {
  ConfigChoice config;
  std::string conversation;
  bool json = false;
};

struct MarkOptions {
  ConfigChoice config;
  std::string event;
  jobs::AlertVerb verb = jobs::AlertVerb::kAcknowledge;
  jobs::Operator by;
  std::string duration = "30m";
  bool json = false;
};

/// Opens the clocks and runs `use` with them.
template <typename Use>
int with_alerts(const ConfigChoice& choice, Use use) {
  const auto config = load_config(choice);
  if (!config) return report(config.error());
  const auto access = JobAccess::open(*config);
  if (!access) return report(access.error());
  jobs::AlertDesk alerts((*access)->client(), lane_limits(*config).log);
  return use(alerts, (*access)->clock());
}

int list(const ListOptions& options) {
  return with_alerts(options.config, [&](jobs::AlertDesk& alerts, const Clock& clock) -> int {
    const auto listed = alerts.list(options.conversation);
    if (!listed) return report(listed.error());
    if (options.json) {
      std::cout << *listed << '\n';
      return kDone;
    }
    const auto answer = parse_json(*listed);
    const json clocks = answer ? answer->value("clocks", json::array()) : json::array();
    if (clocks.empty()) {
      std::cout << (options.conversation.empty() ? "No clock runs." : "No clocks.") << '\n';
      return kDone;
    }
    clock_table(clocks, clock.wall_ms()).print(std::cout, terminal_width());
    return kDone;
  });
}

/// "90s", "30m", "2h", "1d" in seconds; 0: none of these.
std::int64_t duration_s(const std::string& text) {
  if (text.size() < 2 || text.size() > 7) return 0;
  const std::string digits = text.substr(0, text.size() - 1);
  if (!std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    return 0;
  }
  const std::int64_t count = std::stoll(digits);
  switch (text.back()) {
    case 's':
      return count;
    case 'm':
      return count * 60;
    case 'h':
      return count * 3600;
    case 'd':
      return count * 86400;
    default:
      return 0;
  }
}

int mark(const MarkOptions& options) {
  const std::int64_t lasts_s = duration_s(options.duration);
  if (lasts_s < 1 || lasts_s > publishers::kLongestSnoozeS) {
    std::cerr << "deskwire: sla snooze --for " << options.duration
              << ": not a time of 1 second to 7 days; write 90s, 30m, 2h or 1d\n";
    return kUsage;
  }
  return with_alerts(options.config, [&](jobs::AlertDesk& alerts, const Clock& clock) -> int {
    jobs::AlertChange change;
    change.event_id = options.event;
    change.verb = options.verb;
    const jobs::Operator by = known_operator(options.by);
    change.by = by.actor;
    change.reason = by.reason;
    change.lasts = std::chrono::seconds(lasts_s);
    const auto done = alerts.change(change);
    if (!done) return report(done.error());
    if (options.json) {
      std::cout << *done << '\n';
      return kDone;
    }
    const auto answer = parse_json(*done);
    const json& ack = object_at(*answer, "ack");
    const std::string state = ack_text(ack, clock.wall_ms());
    std::cout << string_at(*answer, "alert_key") << ": "
              << (state.empty() ? "nobody has taken it" : state)
              << (bool_at(*answer, "changed") ? "" : ", as before") << '\n';
    return kDone;
  });
}

void add_list(CLI::App& sla, const char* name, const char* help, bool of_one, Action& action) {
  auto options = std::make_shared<ListOptions>();
  auto* command = sla.add_subcommand(name, help);
  add_config_options(*command, options->config);
  if (of_one) {
    command->add_option("conversation", options->conversation, "Its key, such as 42 or acme~7")
        ->required();
  }
  command->add_flag("--json", options->json, "{\"now\":…,\"clocks\":[…]}");
  command->callback([options, &action] {
    options->conversation = conversation_of_argument(options->conversation);
    action = [options] { return list(*options); };
  });
}

void add_mark(CLI::App& sla, jobs::AlertVerb verb, const char* help, Action& action) {
  auto options = std::make_shared<MarkOptions>();
  options->verb = verb;
  auto* command = sla.add_subcommand(std::string(name_of(verb)), help);
  add_config_options(*command, options->config);
  command->add_option("event", options->event, "event_id of a warning or violation")->required();
  if (verb == jobs::AlertVerb::kSnooze) {
    command->add_option("--for", options->duration, "How long: 90s, 30m, 2h, 1d")
        ->capture_default_str();
  }
  command->add_option("--actor", options->by.actor, "Who does it [default: who is logged in]");
  command->add_option("--reason", options->by.reason, "Why, for the audit");
  command->add_flag("--json", options->json, "{\"alert_key\":…,\"changed\":…,\"ack\":{…}}");
  command->callback([options, &action] { action = [options] { return mark(*options); }; });
}

}  // namespace

void add_sla_clocks(CLI::App& sla, Action& action) {
  add_list(sla, "ls", "Clocks that run, most urgent first", false, action);
  add_list(sla, "show", "The clocks of one conversation", true, action);
  add_mark(sla, jobs::AlertVerb::kAcknowledge, "Take an alert: nobody else is called", action);
  add_mark(sla, jobs::AlertVerb::kUnacknowledge, "Give an alert back", action);
  add_mark(sla, jobs::AlertVerb::kSnooze, "Be quiet about an alert for a while", action);
}

}  // namespace deskwire::cli
