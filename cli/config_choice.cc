#include "cli/config_choice.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>

#include "cli/embedded_redis.h"
#include "config/load.h"
#include "config/problems.h"
#include "webhooks/signature.h"
#include "webhooks/source_scheme.h"

namespace deskwire::cli {

void add_config_options(CLI::App& command, ConfigChoice& choice) {
  command.add_option("-c,--config", choice.file, "Config file (JSON with comments)")
      ->type_name("FILE");
  command
      .add_option("--data-dir", choice.data_dir,
                  "Directory of the embedded Redis and the made-up keys "
                  "[default: config data_dir, ./deskwire-data]")
      ->type_name("DIR");
}

Result<config::Config> load_config(const ConfigChoice& choice) {
  auto config = choice.file.empty() ? Result<config::Config>(config::embedded())
                                    : config::load_file(choice.file);
  if (config && !choice.data_dir.empty()) config->data_dir = choice.data_dir;
  return config;
}

// Only the layer that verifies knows the forms.
Status check_secret_forms(const config::Config& config) {
  config::Problems problems;
  for (std::size_t i = 0; i < config.sources.size(); ++i) {
    const config::Source& source = config.sources[i];
    if (source.proof() != config::SourceAuth::kSignature) continue;
    const auto schemes = webhooks::schemes_of(source);
    for (std::size_t at = 0; at < source.secrets.size(); ++at) {
      const bool usable = std::any_of(schemes.begin(), schemes.end(), [&](const auto* scheme) {
        return webhooks::is_usable_secret(*scheme, source.secrets[at]);
      });
      if (usable) continue;
      problems.add("sources[" + std::to_string(i) + "].secrets[" + std::to_string(at) + "]",
                   "has not the form of scheme " + std::string(schemes.front()->name) +
                       "; copy it from the helpdesk anew, docs/helpdesks.md shows the forms");
    }
  }
  if (problems.empty()) return {};
  return fail(ErrorCode::kInvalid, problems.text());
}

Result<config::Config> load_config_with_secrets(const ConfigChoice& choice) {
  auto config = load_config(choice);
  if (!config) return config;
  // With a config file named, keys may be made before the first start.
  auto completed =
      choice.file.empty() ? config::use_stored_secrets(*config) : config::complete_secrets(*config);
  if (!completed) {
    return fail(std::move(completed.error()));
  }
  return config;
}

Error no_key(const std::string& what, const config::Config& config, const ConfigChoice& choice) {
  return {ErrorCode::kUnavailable,
          what + ": no key for it in the config or in " + config.data_dir +
              "/secrets.json: no server has run there with this config yet; start `deskwire serve" +
              as_arguments(choice) + "` (--data-dir or --config name its directory)"};
}

Result<redis::Endpoint> redis_endpoint(const config::Config& config) {
  if (!config.redis.url.empty()) return redis::parse_redis_url(config.redis.url);
  return embedded_redis_endpoint(config.data_dir);
}

Result<std::string> reachable_address(const std::string& listen) {
  const auto address = config::parse_listen(listen);
  if (!address) return fail(address.error());
  std::string host = address->host;
  if (host == "0.0.0.0") host = "127.0.0.1";
  if (host == "::") host = "::1";
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  return host + ":" + std::to_string(address->port);
}

std::string as_arguments(const ConfigChoice& choice) {
  std::string text;
  if (!choice.file.empty()) text += " --config " + choice.file;
  if (!choice.data_dir.empty()) text += " --data-dir " + choice.data_dir;
  return text;
}

}  // namespace deskwire::cli
