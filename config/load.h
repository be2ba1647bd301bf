#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "core/result.h"

namespace deskwire::config {

/// The annotated default file that the binary embeds.
std::string_view default_file();

/// Parses and validates a config text (JSON with comments) over the defaults. Collects every
/// mistake, not only the first; each reads `config a.b[0].c: <cause>; <what to do>`.
///
/// @param base_dir  Directory that relative `{"file": …}` secrets are read from.
/// @errors kInvalid: one message a line. Unknown keys name the nearest known one.
Result<Config> parse(std::string_view text, const std::string& base_dir);

/// Reads the file and parses it. @errors kNotFound, kInvalid, kTooLarge (1 MiB).
Result<Config> load_file(const std::string& path);

/// The embedded default: one source named "sandbox" of type sandbox.
Config embedded();

/// Fills in what has no secret from `data_dir/secrets.json`, creating it (mode 0600) with random
/// keys for whatever is missing: gateway key, server key, sandbox secret, admin key is left alone.
/// @errors kInvalid: the file is no valid JSON or readable by others; kUnavailable: cannot write.
Status complete_secrets(Config& config);

/// The same for those who only look: makes nothing up and no file. What is stored nowhere stays
/// without a secret.
/// @errors as complete_secrets.
Status use_stored_secrets(Config& config);

/// The effective configuration as JSON, secrets as "[redacted]".
std::string show(const Config& config);

/// Splits "host:port" or "[v6]:port".
struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};
Result<HostPort> parse_listen(std::string_view text);
bool is_loopback(std::string_view host);

}  // namespace deskwire::config
