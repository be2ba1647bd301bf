#include <map>
#include <string>
#include <vector>

#include "config/rules.h"
#include "core/channel.h"

namespace deskwire::config {
namespace {

using Patterns = std::map<std::string, std::vector<std::string>>;

constexpr std::string_view kPlaceholder = "{clientId}";

/// @param placeholder  What stands for a client's id in them; empty: nothing does.
void check_patterns(const Patterns& patterns, std::string_view placeholder, const std::string& path,
                    Problems& problems) {
  for (const auto& entry : patterns) {
    std::string pattern = entry.first;
    while (!placeholder.empty() && pattern.find(placeholder) != std::string::npos) {
      pattern.replace(pattern.find(placeholder), placeholder.size(), "x");
    }
    if (auto valid = validate_channel_pattern(pattern); !valid) {
      problems.add(path,
                   in_quotes(entry.first) + " is no channel pattern: " + valid.error().message);
    }
  }
}

void check_gateway_keys(const Config& config, Problems& problems) {
  std::map<std::string, std::size_t> kids;
  const auto& keys = config.gateway.keys;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const std::string path = "gateway.keys[" + std::to_string(i) + "].";
    if (keys[i].kid.empty()) {
      problems.add(path + "kid", "is missing; any short name will do, such as \"2026-11\"");
    } else if (!kids.emplace(keys[i].kid, i).second) {
      problems.add(path + "kid", in_quotes(keys[i].kid) + " is there twice");
    }
    if (keys[i].secret.empty()) problems.add(path + "secret", "is missing");
  }
  const auto& server_keys = config.gateway.server_keys;
  for (std::size_t i = 0; i < server_keys.size(); ++i) {
    const std::string path = "gateway.server_keys[" + std::to_string(i) + "].";
    if (server_keys[i].secret.empty()) problems.add(path + "secret", "is missing");
    check_patterns(server_keys[i].capability, {}, path + "capability", problems);
  }
}

void check_issuer_key(const IssuerKey& key, const std::string& path, Problems& problems) {
  const bool shared = key.algorithm == SignatureAlgorithm::kHs256;
  const Secret& given = shared ? key.secret : key.public_key;
  const Secret& other = shared ? key.public_key : key.secret;
  const std::string algorithm(name_of(key.algorithm));
  if (!other.empty()) {
    problems.add(path + (shared ? "public_key" : "secret"),
                 "does not go with " + algorithm + "; leave it out");
  }
  if (given.empty()) {
    problems.add(path + (shared ? "secret" : "public_key"),
                 "is missing; " + algorithm + " needs it");
    return;
  }
  const auto usable = shared ? SignatureKey::from_secret(given.reveal())
                             : SignatureKey::from_pem(key.algorithm, given.reveal());
  if (!usable) {
    problems.add(path + (shared ? "secret" : "public_key"), usable.error().message);
  }
}

void check_issuer_rights(const Issuer& issuer, const std::string& path, Problems& problems) {
  check_patterns(issuer.capability, kPlaceholder, path + "capability", problems);
  check_patterns(issuer.ceiling, {}, path + "ceiling", problems);
  if (issuer.rights.url.empty()) return;
  if (issuer.rights.secret.empty()) {
    problems.add(path + "rights.secret", "is missing; your service checks the signature with it");
  }
  if (!issuer.capability.empty()) {
    problems.add(path + "rights.url",
                 "is set together with " + path + "capability; the rights come from one of them");
  }
}

void check_issuers(const Config& config, Problems& problems) {
  std::map<std::string, std::size_t> names;
  const auto& issuers = config.gateway.issuers;
  for (std::size_t i = 0; i < issuers.size(); ++i) {
    const Issuer& issuer = issuers[i];
    const std::string path = "gateway.issuers[" + std::to_string(i) + "].";
    if (issuer.name.empty()) {
      problems.add(path + "name", "is missing; any short name will do, such as \"shop\"");
    } else if (!names.emplace(issuer.name, i).second) {
      problems.add(path + "name", in_quotes(issuer.name) + " is there twice");
    }
    if (issuer.keys.empty() && issuer.jwks.empty()) {
      problems.add(path + "keys",
                   "is missing, and so is jwks; one of them says what to verify with");
    }
    for (std::size_t k = 0; k < issuer.keys.size(); ++k) {
      check_issuer_key(issuer.keys[k], path + "keys[" + std::to_string(k) + "].", problems);
    }
    if (!issuer.jwks.empty()) {
      if (const auto keys = parse_jwks(issuer.jwks.reveal()); !keys) {
        problems.add(path + "jwks", keys.error().message);
      }
    }
    check_issuer_rights(issuer, path, problems);
  }
}

void check_tls(const Config& config, Problems& problems) {
  const Tls& tls = config.gateway.tls;
  if (tls.cert_file.empty() == tls.key_file.empty()) return;
  problems.add(tls.cert_file.empty() ? "gateway.tls.cert_file" : "gateway.tls.key_file",
               "is missing; TLS needs the certificate chain and its key");
}

}  // namespace

void check_gateway(const Config& config, Problems& problems) {
  check_gateway_keys(config, problems);
  check_issuers(config, problems);
  check_tls(config, problems);
}

}  // namespace deskwire::config
