#include "cli/reloads.h"

#include <nlohmann/json.hpp>

#include "config/load.h"
#include "core/json.h"
#include "core/log.h"

namespace deskwire::cli {
namespace {

/// Shown settings without what is taken in while it runs. Secrets are redacted in it.
nlohmann::json fixed_part(config::Config config) {
  config.gateway.keys.clear();
  config.gateway.server_keys.clear();
  config.gateway.issuers.clear();
  config.gateway.tls.cert_file.clear();
  config.gateway.tls.key_file.clear();
  auto shown = parse_json(config::show(config));
  return shown ? std::move(*shown) : nlohmann::json();
}

/// "receiver.listen, jobs.workers"
void name_differences(const nlohmann::json& before, const nlohmann::json& after,
                      const std::string& path, std::string& names) {
  if (before == after) return;
  if (!before.is_object() || !after.is_object()) {
    names += (names.empty() ? "" : ", ") + path;
    return;
  }
  for (const auto& [key, value] : after.items()) {
    const auto old = before.find(key);
    name_differences(old == before.end() ? nlohmann::json() : *old, value,
                     path.empty() ? key : path + "." + key, names);
  }
}

}  // namespace

void Reloads::apply(const config::Config& config) const {
  for (const Part& part : parts_) {
    if (Status taken = part.take(config); taken) {
      log::info("reloaded", {{"part", part.name}});
    } else {
      log::error("reload_refused", {{"part", part.name},
                                    {"error", taken.error().message},
                                    {"next", "the old settings stay in force"}});
    }
  }
}

std::string needs_restart(const config::Config& before, const config::Config& after) {
  std::string names;
  name_differences(fixed_part(before), fixed_part(after), "", names);
  return names;
}

}  // namespace deskwire::cli
