#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/config_choice.h"
#include "cli/data_dir.h"
#include "cli/exit_code.h"
#include "cli/jobs_commands.h"
#include "cli/refused_deliveries.h"
#include "cli/table.h"
#include "cli/time_text.h"
#include "core/json.h"

namespace deskwire::cli {
namespace {

using nlohmann::json;

struct DeliveryOptions {
  ConfigChoice config;
  RefusedFilter filter;
  std::string since;
  std::vector<std::string> ids;
  jobs::Operator by;
  bool body = false;
  bool dry_run = false;
  bool json = false;

  bool filtered() const {
    return !filter.source.empty() || !filter.refusal.empty() || !since.empty();
  }
};

void add_filters(CLI::App& command, DeliveryOptions& options, std::size_t limit) {
  options.filter.limit = limit;
  command.add_option("--source", options.filter.source, "Only of this source");
  command.add_option("--refusal", options.filter.refusal,
                     "Only refused for this: mismatch, stale, …");
  command.add_option("--since", options.since, "Only since: 15m, 2h, 7d or a time");
  command.add_option("--limit", options.filter.limit, "The newest so many")
      ->capture_default_str()
      ->check(CLI::Range(std::size_t{1}, std::size_t{1000000}));
}

/// @errors kInvalid: --since is no moment.
Status read_since(DeliveryOptions& options, std::int64_t now_ms) {
  if (options.since.empty()) return {};
  const auto since = parse_since(options.since, now_ms);
  if (!since) return fail(Error(since.error()).prefixed("--since"));
  options.filter.since_ms = *since;
  return {};
}

/// The quarantine is a directory: that of a server, or there is nothing to look at.
Result<config::Config> of_server(Result<config::Config> config) {
  if (!config) return config;
  if (Status found = find_data_dir(*config); !found) return fail(std::move(found).error());
  return config;
}

int list(DeliveryOptions options) {
  const std::int64_t now_ms = SystemClock().wall_ms();
  if (const Status read = read_since(options, now_ms); !read) {
    report(read.error());
    return kUsage;
  }
  const auto config = of_server(load_config(options.config));
  if (!config) return report(config.error());
  const auto found = RefusedDeliveries(*config).list(options.filter);
  if (!found) return report(found.error());
  if (options.json) {
    json items = json::array();
    for (const auto& one : *found) items.push_back(to_json(one));
    std::cout << dump_json({{"deliveries", std::move(items)}}) << '\n';
    return kDone;
  }
  if (found->empty()) {
    std::cout << (options.filtered() ? "No refused delivery fits.\n"
                                     : "There are no refused deliveries.\n");
    return kDone;
  }
  Table table({"DELIVERY", "ARRIVED", "AGE", "SOURCE", "REFUSED FOR", "BYTES"});
  for (const auto& one : *found) {
    table.add({one.id, iso_time(one.at_ms), age(one.at_ms, now_ms), one.source, one.reason,
               std::to_string(one.bytes)});
  }
  table.print(std::cout, terminal_width());
  return kDone;
}

int show(const DeliveryOptions& options) {
  const auto config = of_server(load_config(options.config));
  if (!config) return report(config.error());
  const auto delivery = RefusedDeliveries(*config).read(options.ids.front());
  if (!delivery) return report(delivery.error());
  if (options.json) {
    std::cout << dump_json(to_json(*delivery, options.body)) << '\n';
    return kDone;
  }
  Table table({"delivery", delivery->id});
  table.add({"arrived", iso_time(delivery->at_ms)});
  table.add({"source", delivery->source});
  table.add({"refused for", delivery->reason});
  table.add({"request", delivery->method + " " + shown_target(*delivery)});
  for (const auto& [name, value] : shown_headers(*delivery)) table.add({name, value});
  table.add({"body", std::to_string(delivery->body.size()) + " bytes"});
  table.print(std::cout);
  if (options.body) std::cout << '\n' << printable(delivery->body) << '\n';
  return kDone;
}

int verify(const DeliveryOptions& options) {
  const auto config = of_server(load_config_with_secrets(options.config));
  if (!config) return report(config.error());
  const RefusedDeliveries deliveries(*config);
  const auto delivery = deliveries.read(options.ids.front());
  if (!delivery) return report(delivery.error());
  const auto found = deliveries.verify(*delivery);
  if (!found) return report(found.error());
  if (options.json) {
    std::cout << dump_json(to_json(*delivery, *found)) << '\n';
    return found->fits() ? kDone : kNotDone;
  }
  Table table({"PART", "", "WHAT"});
  for (const auto& part : found->parts) {
    table.add({part.part, part.ok ? "ok" : "FAILS", part.detail});
  }
  table.print(std::cout);
  std::cout << (found->fits() ? "With today's secrets it can be replayed (its age does not count): "
                                "deskwire deliveries replay "
                              : "It cannot be replayed: " + found->reason + ". Delivery ")
            << delivery->id << '\n';
  return found->fits() ? kDone : kNotDone;
}

/// Those named, and those that the filters find, oldest first.
Result<std::vector<std::string>> selected(const RefusedDeliveries& deliveries,
                                          const DeliveryOptions& options) {
  std::vector<std::string> ids = options.ids;
  if (!options.filtered()) return ids;
  const auto found = deliveries.list(options.filter);
  if (!found) return fail(found.error());
  for (const auto& one : *found) ids.push_back(one.id);
  return ids;
}

void print_taken(const std::string& id, const TakenIn& taken) {
  std::cout << id;
  if (taken.dry_run) {
    std::cout << " would be taken in\n";
  } else if (taken.duplicate) {
    std::cout << " was in already" << (taken.job.empty() ? "" : ", as job " + taken.job) << '\n';
  } else {
    std::cout << " is taken in"
              << (taken.job.empty() ? "; it makes no job" : " as job " + taken.job) << '\n';
  }
}

int replay(DeliveryOptions options) {
  if (const Status read = read_since(options, SystemClock().wall_ms()); !read) {
    report(read.error());
    return kUsage;
  }
  const auto config = of_server(load_config_with_secrets(options.config));
  if (!config) return report(config.error());
  const auto access = JobAccess::open(*config);
  if (!access) return report(access.error());
  const jobs::Operator by = known_operator(options.by);
  const RefusedDeliveries deliveries(*config);
  const auto ids = selected(deliveries, options);
  if (!ids) return report(ids.error());
  if (ids->empty()) {
    std::cerr << "deskwire: no refused delivery fits\n";
    return kNotDone;
  }
  json done = json::array();
  json failed = json::array();
  for (const std::string& id : *ids) {
    const auto taken = deliveries.take_in(id, (*access)->store(), (*access)->client(), by.actor,
                                          by.reason, options.dry_run);
    if (taken) {
      done.push_back(to_json(id, *taken));
      if (!options.json) print_taken(id, *taken);
      continue;
    }
    failed.push_back({{"id", id},
                      {"code", std::string(name_of(taken.error().code))},
                      {"message", taken.error().message}});
    if (!options.json) report(taken.error());
    // Going on would only repeat this for every one.
    if (taken.error().code == ErrorCode::kUnavailable) break;
  }
  if (options.json) {
    std::cout << dump_json({{"dry_run", options.dry_run}, {"done", done}, {"failed", failed}})
              << '\n';
  }
  if (failed.empty()) return kDone;
  return failed.back()["code"] == "unavailable" ? kUnreachable : kNotDone;
}

}  // namespace

void add_deliveries(CLI::App& app, Action& action) {
  auto* command =
      app.add_subcommand("deliveries", "Look at refused deliveries, and take them in after all");
  command->require_subcommand(1);
  const auto add = [&](const char* name, const char* help) {
    auto options = std::make_shared<DeliveryOptions>();
    auto* sub = command->add_subcommand(name, help);
    add_config_options(*sub, options->config);
    sub->add_flag("--json", options->json, "As JSON");
    return std::pair(sub, options);
  };

  auto [ls, listed] = add("ls", "List refused deliveries, oldest first");
  add_filters(*ls, *listed, 100);
  ls->callback([listed = listed, &action] { action = [listed] { return list(*listed); }; });

  auto [show_command, shown] = add("show", "One refused delivery, without secrets");
  show_command->add_option("id", shown->ids, "The delivery's id")->required()->expected(1);
  show_command->add_flag("--body", shown->body, "Also what the customer wrote");
  show_command->callback([shown = shown, &action] { action = [shown] { return show(*shown); }; });

  auto [verify_command, verified] =
      add("verify", "Which part of the signature fails, with today's secrets");
  verify_command->add_option("id", verified->ids, "The delivery's id")->required()->expected(1);
  verify_command->callback(
      [verified = verified, &action] { action = [verified] { return verify(*verified); }; });

  auto [replay_command, replayed] =
      add("replay", "Take in deliveries whose signature fits today; their age does not count");
  add_filters(*replay_command, *replayed, 10000);
  replay_command->add_option("id", replayed->ids,
                             "Deliveries, besides those that the filters find");
  add_operator_options(*replay_command, replayed->by);
  replay_command->add_flag("--dry-run", replayed->dry_run, "Only check what would be taken in");
  replay_command->callback([replayed = replayed, &action] {
    if (replayed->ids.empty() && !replayed->filtered()) {
      throw CLI::RequiredError("A delivery's id or a filter");
    }
    action = [replayed] { return replay(*replayed); };
  });
}

}  // namespace deskwire::cli
