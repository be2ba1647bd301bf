#include "cli/reloads.h"

#include <nlohmann/json.hpp>
#include <set>

#include "config/fingerprint.h"
#include "config/problems.h"
#include "config/rules.h"
#include "core/json.h"
#include "core/log.h"

namespace deskwire::cli {
namespace {

using nlohmann::json;

bool same_helpdesk(const config::Source& a, const config::Source& b) {
  return a.name == b.name && a.type == b.type && a.name_space == b.name_space &&
         a.account_id == b.account_id && a.base_url == b.base_url;
}

/// Without TLS at the start there is no door for it, and the other way round.
void take_certificate(config::Tls& running, const config::Tls& changed) {
  if (running.enabled() != changed.enabled()) return;
  running.cert_file = changed.cert_file;
  running.key_file = changed.key_file;
}

/// By name instead of position, so that a source is named in "sources.support.type".
void name_sources(json& settings) {
  json by_name = json::object();
  for (json& source : settings["sources"]) {
    std::string name = source["name"];
    by_name[name] = std::move(source);
  }
  settings["sources"] = std::move(by_name);
}

json comparable(const config::Config& config) {
  auto settings = parse_json(config::fingerprint(config));
  if (!settings) return {};  // It is our own text.
  name_sources(*settings);
  return std::move(*settings);
}

json at(const json& object, const std::string& key) {
  const auto found = object.find(key);
  return found == object.end() ? json() : *found;
}

void name_differences(const json& before, const json& after, const std::string& path,
                      std::set<std::string>& names) {
  if (before == after) return;
  if (!before.is_object() || !after.is_object()) {
    names.insert(path);
    return;
  }
  std::set<std::string> keys;
  for (const json* side : {&before, &after}) {
    for (const auto& [key, value] : side->items()) keys.insert(key);
  }
  for (const std::string& key : keys) {
    std::string inner = path;
    if (!inner.empty()) inner += '.';
    name_differences(at(before, key), at(after, key), inner += key, names);
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

config::Config with_changes(const config::Config& running, const config::Config& changed) {
  config::Config taken = running;
  taken.receiver.signature_tolerance_s = changed.receiver.signature_tolerance_s;
  taken.gateway.keys = changed.gateway.keys;
  taken.gateway.server_keys = changed.gateway.server_keys;
  taken.gateway.issuers = changed.gateway.issuers;
  take_certificate(taken.gateway.tls, changed.gateway.tls);
  taken.admin.key = changed.admin.key;
  for (config::Source& source : taken.sources) {
    const config::Source* const other = changed.find_source(source.name);
    if (other != nullptr && same_helpdesk(source, *other)) source = *other;
  }
  taken.replies = changed.replies;
  taken.sla.policies = changed.sla.policies;
  taken.sla.calendars = changed.sla.calendars;
  return taken;
}

Result<config::Config> checked_changes(const config::Config& running, const config::Config& changed,
                                       std::int64_t now_ms) {
  config::Config taken = with_changes(running, changed);
  config::Problems problems;
  config::check_rules(taken, now_ms, problems);
  if (!problems.empty()) {
    return fail(ErrorCode::kInvalid, problems.text("beside what needs a restart, config") +
                                         "; restart to take in all of it");
  }
  return taken;
}

std::string differences(const config::Config& before, const config::Config& after) {
  std::set<std::string> names;
  name_differences(comparable(before), comparable(after), "", names);
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace deskwire::cli
