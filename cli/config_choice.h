#pragma once

#include <string>

#include "config/config.h"
#include "core/redis/redis_url.h"
#include "core/result.h"

namespace CLI {  // NOLINT(readability-identifier-naming): the library is called so.
class App;
}

namespace deskwire::cli {

/// Which settings a command works with: `--config FILE`, or the embedded default, whose directory
/// `--data-dir DIR` overrides.
struct ConfigChoice {
  std::string file;
  std::string data_dir;
};

void add_config_options(CLI::App& command, ConfigChoice& choice);

/// The settings, without secrets made up for what has none.
/// @errors those of config::load_file.
Result<config::Config> load_config(const ConfigChoice& choice);

/// Whether every secret of a source has the form that its signature scheme asks for. One that has
/// not refuses each delivery, which is no reason to keep the other sources down.
/// @errors kInvalid: one message a line, as config::parse words them.
Status check_secret_forms(const config::Config& config);

/// As load_config, with the keys of data_dir/secrets.json, made up when a config file is named that
/// has none yet. Without one they are those that a `serve` has left: in a directory that was only
/// guessed no server would know others.
Result<config::Config> load_config_with_secrets(const ConfigChoice& choice);

/// What to say when such a key is needed and is neither in the config nor there.
/// @param what  "sign a token".
/// @return kUnavailable: no server has run there yet.
Error no_key(const std::string& what, const config::Config& config, const ConfigChoice& choice);

/// The configured Redis, or the socket of the embedded one.
/// @errors kInvalid: the path of data_dir is too long for a Unix socket.
Result<redis::Endpoint> redis_endpoint(const config::Config& config);

/// "host:port" under which a door can be reached from this machine: 0.0.0.0 and :: are addresses to
/// listen on only.
/// @errors kInvalid: not an address.
Result<std::string> reachable_address(const std::string& listen);

/// The options again, for commands that are suggested to people: " --config FILE" or "".
std::string as_arguments(const ConfigChoice& choice);

}  // namespace deskwire::cli
