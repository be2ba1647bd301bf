#include "config/load.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "config/json_reader.h"
#include "config/problems.h"
#include "config/read_file.h"
#include "config/rules.h"
#include "config/settings.h"
#include "config_files.h"
#include "core/json.h"

namespace deskwire::config {
namespace {

constexpr std::size_t kMaxFileBytes = 1U << 20U;
constexpr std::size_t kMaxDepth = 16;

/// The directory of a file, for secrets that are named relative to it.
std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

/// Trailing slashes of an address mean nothing and would double in the URLs made from it.
void trim_base_urls(Config& config) {
  for (Source& source : config.sources) {
    while (source.base_url.ends_with('/')) source.base_url.pop_back();
  }
}

/// So that everyone may take the first that matches.
void sort_policies(Config& config) {
  std::stable_sort(config.sla.policies.begin(), config.sla.policies.end(),
                   [](const auto& a, const auto& b) { return a.position < b.position; });
}

/// @param name  Of what is read, for a text that is no JSON: "config" or with its file.
Result<Config> parse_named(std::string_view text, const std::string& base_dir,
                           const std::string& name) {
  JsonLimits limits;
  limits.max_bytes = kMaxFileBytes;
  limits.max_depth = kMaxDepth;
  limits.allow_comments = true;
  limits.unique_keys = true;
  const auto root = parse_json(text, limits);
  if (!root) return fail(Error(root.error()).prefixed(name));

  Config config = embedded();
  config.embedded_defaults = false;
  Problems problems;
  read_root(*root, base_dir, problems, [&](JsonReader& reader) { visit(reader, config); });
  Problems broken_rules;
  check_rules(config, SystemClock().wall_ms(), broken_rules);
  problems.add_unrelated(broken_rules);
  if (!problems.empty()) return fail(ErrorCode::kInvalid, problems.text());
  trim_base_urls(config);
  sort_policies(config);
  return config;
}

}  // namespace

std::string_view default_file() { return files::kDefaultJsonc; }

Config embedded() {
  Config config;
  Source sandbox;
  sandbox.name = "sandbox";
  config.sources.push_back(std::move(sandbox));
  config.embedded_defaults = true;
  return config;
}

Result<Config> parse(std::string_view text, const std::string& base_dir) {
  return parse_named(text, base_dir, "config");
}

Result<Config> load_file(const std::string& path) {
  const auto text = read_file(path, kMaxFileBytes);
  if (!text) return fail(Error(text.error()).prefixed("config"));
  return parse_named(*text, directory_of(path), "config " + path);
}

}  // namespace deskwire::config
