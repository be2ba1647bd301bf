// deskwire token revoke, deskwire token revocations ls.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/jobs_commands.h"
#include "cli/table.h"
#include "cli/time_text.h"
#include "cli/token_commands.h"
#include "cli/token_revocations.h"
#include "core/json.h"

namespace deskwire::cli {
namespace {

struct RevokeOptions {
  ConfigChoice config;
  RevocationOrder order;
  jobs::Operator by;
  bool json = false;
};

struct ListOptions {
  ConfigChoice config;
  std::size_t limit = 100;
  bool json = false;
};

std::string whose(const publishers::Revocation& one) {
  return one.client_id.empty() ? "everybody" : one.client_id;
}

int revoke(const RevokeOptions& options) {
  const auto config = load_config(options.config);
  if (!config) return report(config.error());
  const auto access = JobAccess::open(*config);
  if (!access) return report(access.error());
  const auto revoked = revoke_tokens((*access)->client(), options.order, known_operator(options.by),
                                     config->gateway, (*access)->clock().wall_ms());
  if (!revoked) {
    const int code = report(revoked.error());
    return revoked.error().code == ErrorCode::kInvalid ? kUsage : code;
  }
  if (options.json) {
    std::cout << dump_json(to_json(*revoked)) << '\n';
  } else {
    std::cout << "The tokens of " << printable(whose(*revoked)) << " that were issued until "
              << iso_time(revoked->issued_until_ms)
              << " are revoked; their sessions end within a second.\n";
  }
  return kDone;
}

int list(const ListOptions& options) {
  return with_jobs(options.config, [&](JobAccess& access) -> int {
    const auto found = publishers::list_revocations(access.client(), options.limit);
    if (!found) return report(found.error());
    if (options.json) {
      nlohmann::json items = nlohmann::json::array();
      for (const publishers::Revocation& one : *found) items.push_back(to_json(one));
      std::cout << dump_json({{"revocations", std::move(items)}}) << '\n';
      return kDone;
    }
    if (found->empty()) {
      std::cout << "No tokens are revoked.\n";
      return kDone;
    }
    Table table({"WHEN", "CLIENT", "ISSUED UNTIL", "KEPT UNTIL", "WHO", "WHY"});
    for (const publishers::Revocation& one : *found) {
      table.add({iso_time(one.at_ms), whose(one), iso_time(one.issued_until_ms),
                 iso_time(one.kept_until_ms), one.actor, one.reason});
    }
    table.print(std::cout, terminal_width());
    return kDone;
  });
}

}  // namespace

void add_token_revoke(CLI::App& token, Action& action) {
  auto options = std::make_shared<RevokeOptions>();
  auto* command = token.add_subcommand(
      "revoke", "Refuse tokens that were issued already; their sessions end within a second");
  add_config_options(*command, options->config);
  command->add_option("--client", options->order.client_id, "Only this client's")->type_name("ID");
  command
      ->add_option("--issued-before", options->order.issued_before,
                   "Issued before then: 15m, 2h, 7d or a date [default with --client: now]")
      ->type_name("TIME");
  add_operator_options(*command, options->by);
  command->add_flag("--json", options->json, "{\"clientId\":…,\"issuedUntil\":…}");
  command->callback([options, &action] {
    if (options->order.client_id.empty() && options->order.issued_before.empty()) {
      throw CLI::RequiredError("--client or --issued-before");
    }
    action = [options] { return revoke(*options); };
  });
}

void add_token_revocations(CLI::App& token, Action& action) {
  auto* revocations = token.add_subcommand("revocations", "Which tokens are revoked");
  revocations->require_subcommand(1);
  auto options = std::make_shared<ListOptions>();
  auto* command = revocations->add_subcommand("ls", "Those in force, newest first");
  add_config_options(*command, options->config);
  command->add_option("--limit", options->limit, "At most so many")
      ->check(CLI::Range(std::size_t{1}, std::size_t{100000}))
      ->capture_default_str();
  command->add_flag("--json", options->json, "{\"revocations\":[…]}");
  command->callback([options, &action] { action = [options] { return list(*options); }; });
}

}  // namespace deskwire::cli
