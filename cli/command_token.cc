#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/capability_text.h"
#include "cli/commands.h"
#include "cli/config_choice.h"
#include "cli/exit_code.h"
#include "cli/token_commands.h"
#include "core/clock.h"
#include "core/json.h"
#include "publishers/token.h"

namespace deskwire::cli {
namespace {

constexpr std::int64_t kHourMs = 3600000;
constexpr std::int64_t kDayMs = 24 * kHourMs;

struct TokenOptions {
  ConfigChoice config;
  std::string client;
  std::string name;
  std::string role = "customer";
  std::vector<std::string> capabilities;
  std::int64_t ttl_ms = kHourMs;
  bool json = false;
};

int mint(const TokenOptions& options) {
  const auto config = load_config_with_secrets(options.config);
  if (!config) return report(config.error());
  auto capability = parse_capability(options.capabilities);
  if (!capability) {
    report(capability.error());
    return kUsage;
  }
  if (config->gateway.keys.empty()) {
    return report(no_key("sign a token", *config, options.config));
  }
  publishers::Claims claims;
  claims.client_id = options.client;
  claims.name = options.name.empty() ? options.client : options.name;
  claims.role = options.role;
  claims.issued_ms = SystemClock().wall_ms();
  // A token carries whole seconds; what is said here must be what it holds.
  const std::int64_t issued_ms = claims.issued_ms / 1000 * 1000;
  claims.expires_ms = issued_ms + options.ttl_ms / 1000 * 1000;
  claims.capability = std::move(*capability);
  const std::string token = publishers::sign_token(claims, config->gateway.keys.front());
  if (!options.json) {
    std::cout << token << '\n';
    return kDone;
  }
  const nlohmann::json answer = {{"token", token},
                                 {"issued", issued_ms},
                                 {"expires", claims.expires_ms},
                                 {"capability", claims.capability},
                                 {"clientId", claims.client_id}};
  std::cout << dump_json(answer) << '\n';
  return kDone;
}

}  // namespace

void add_token(CLI::App& app, Action& action) {
  auto options = std::make_shared<TokenOptions>();
  auto* command =
      app.add_subcommand("token", "Make a token for a WebSocket or REST client, or revoke some");
  add_config_options(*command, options->config);
  command->add_option("--client", options->client, "Who the client is, such as customer-42")
      ->check([](const std::string& id) {
        return id.empty() || id.size() > 128 ? std::string("is not 1..128 bytes") : std::string();
      })
      ->type_name("ID");
  command->add_option("--name", options->name, "Name shown to others [default: the client id]");
  command->add_option("--role", options->role, "customer or agent")
      ->check(CLI::IsMember({"customer", "agent"}))
      ->capture_default_str();
  command
      ->add_option("--cap", options->capabilities,
                   "Channel and operations: conversation:42=subscribe,publish; several times for "
                   "several channels. Operations: subscribe publish presence history sla; none "
                   "given: all but sla. Default: everything except internal channels")
      ->type_name("CHANNEL[=OPERATIONS]")
      ->default_val(std::vector<std::string>{"*"});
  command->add_option("--ttl-ms", options->ttl_ms, "How long it is valid")
      ->check(CLI::Range(std::int64_t{1000}, kDayMs))
      ->capture_default_str();
  command->add_flag("--json", options->json, "The answer of POST /v1/tokens");
  add_token_revoke(*command, action);
  add_token_revocations(*command, action);
  command->callback([command, options, &action] {
    if (!command->get_subcommands().empty()) return;  // It has set its own action.
    if (options->client.empty()) throw CLI::RequiredError("--client");
    action = [options] { return mint(*options); };
  });
}

}  // namespace deskwire::cli
