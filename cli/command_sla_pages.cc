// deskwire sla pages|replay: whom we told of what, and what could not be delivered.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/jobs_commands.h"
#include "cli/sla_commands.h"
#include "cli/table.h"
#include "core/json.h"
#include "publishers/oncall/on_call_desk.h"
#include "publishers/oncall/redis_on_call_store.h"

namespace deskwire::cli {
namespace {

using nlohmann::json;

struct PagesOptions {
  ConfigChoice config;
  std::size_t limit = 50;
  bool dead = false;
  bool as_json = false;
};

struct ReplayOptions {
  ConfigChoice config;
  std::string id;
  bool as_json = false;
};

template <typename Use>
int with_store(const ConfigChoice& choice, Use use) {
  const auto config = load_config(choice);
  if (!config) return report(config.error());
  const auto access = JobAccess::open(*config);
  if (!access) return report(access.error());
  publishers::RedisOnCallStore store((*access)->client(), config->sla.on_call.max_log,
                                     config->sla.on_call.max_dead);
  return use(*config, store);
}

void print_table(const json& entries) {
  Table table({"AT", "SINK", "ACTION", "RESULT", "TRIES", "ALERT", "NOTIFICATION"});
  for (const json& entry : entries) {
    const std::string code = string_at(entry, "code");
    table.add({string_at(entry, "at", "-"), string_at(entry, "sink"), string_at(entry, "action"),
               string_at(entry, "result", "dead") + (code.empty() ? "" : " (" + code + ")") +
                   (bool_at(entry, "unverified") ? ", unverified" : ""),
               std::to_string(integer_at(entry, "attempts").value_or(0)),
               printable(string_at(entry, "dedup_key", string_at(entry, "dedup"))),
               string_at(entry, "notification", string_at(entry, "id"))});
  }
  table.print(std::cout, terminal_width());
}

int pages(const PagesOptions& options) {
  return with_store(options.config, [&](const auto&, publishers::OnCallStore& store) -> int {
    json entries = json::array();
    if (options.dead) {
      const auto letters = store.dead(options.limit);
      if (!letters) return report(letters.error());
      for (const auto& [id, text] : *letters) {
        entries.push_back(parse_json(text).value_or(json::object()));
      }
    } else {
      const auto log = store.log(options.limit);
      if (!log) return report(log.error());
      for (const std::string& text : *log) {
        entries.push_back(parse_json(text).value_or(json::object()));
      }
    }
    if (options.as_json) {
      std::cout << dump_json({{options.dead ? "dead" : "pages", entries}}) << '\n';
    } else if (entries.empty()) {
      std::cout << (options.dead ? "No page is undeliverable.\n" : "Nobody has been paged.\n");
    } else {
      print_table(entries);
    }
    return kDone;
  });
}

int replay(const ReplayOptions& options) {
  return with_store(options.config,
                    [&](const config::Config& config, publishers::OnCallStore& store) -> int {
                      const std::map<std::string, std::unique_ptr<publishers::AlertSink>> sinks;
                      publishers::OnCallDesk desk(config.sla, {.store = store,
                                                               .sinks = sinks,
                                                               .next_open = {},
                                                               .publish = {},
                                                               .new_id = {},
                                                               .random = {},
                                                               .count = {}});
                      const auto done = desk.replay(options.id, SystemClock().wall_ms());
                      if (!done) return report(done.error());
                      if (options.as_json) {
                        std::cout << dump_json({{"notification", options.id}}) << '\n';
                      } else {
                        std::cout << "notification " << printable(options.id) << " is sent anew\n";
                      }
                      return kDone;
                    });
}

}  // namespace

void add_sla_pages(CLI::App& sla, Action& action) {
  auto listed = std::make_shared<PagesOptions>();
  auto* pages_command = sla.add_subcommand("pages", "Whom we told of what, newest first");
  add_config_options(*pages_command, listed->config);
  pages_command->add_option("--limit", listed->limit, "At most so many")
      ->check(CLI::Range(std::size_t{1}, std::size_t{100000}))
      ->capture_default_str();
  pages_command->add_flag("--dead", listed->dead, "Only what could not be delivered");
  pages_command->add_flag("--json", listed->as_json, "{\"pages\":[…]}, {\"dead\":[…]}");
  pages_command->callback([listed, &action] { action = [listed] { return pages(*listed); }; });

  auto again = std::make_shared<ReplayOptions>();
  auto* replay_command = sla.add_subcommand("replay", "Send a page again that was given up");
  add_config_options(*replay_command, again->config);
  replay_command->add_option("id", again->id, "The notification's id")->required();
  replay_command->add_flag("--json", again->as_json, "{\"notification\":…}");
  replay_command->callback([again, &action] { action = [again] { return replay(*again); }; });
}

}  // namespace deskwire::cli
