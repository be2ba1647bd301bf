// data_dir/secrets.json: what a first start makes up so that nothing runs with a known key.
//
//   {"gateway": {"key": {"kid": "auto", "secret": "…"}, "server_key": "…"},
//    "sources": {"sandbox": "whsec_…"}}
//
// Several processes may start at once on the same directory: an exclusive lock on the directory
// covers read, completion and replacement. The file is written under another name, mode 0600 from
// its first byte, and renamed over the old one, so that a reader sees the old or the new one whole.

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <system_error>

#include "config/load.h"
#include "config/read_file.h"
#include "core/hash.h"
#include "core/json.h"

namespace deskwire::config {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxFileBytes = 1U << 20U;
constexpr std::size_t kKeyBytes = 32;
constexpr const char* kKid = "auto";

tl::unexpected<Error> system_error(const std::string& what) {
  return fail(ErrorCode::kUnavailable, what + ": " + std::generic_category().message(errno));
}

/// A file descriptor that is closed at the end of its scope; closing releases a lock as well.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

std::string stored_path(const Config& config) { return config.data_dir + "/secrets.json"; }

std::string random_key() { return base64url_encode(random_bytes(kKeyBytes)); }

/// As Standard Webhooks writes it; schemes that take the text as it is are served as well.
std::string random_webhook_secret() { return "whsec_" + base64_encode(random_bytes(kKeyBytes)); }

bool is_complete(const Config& config) {
  return !config.gateway.keys.empty() && !config.gateway.server_keys.empty() &&
         std::none_of(config.sources.begin(), config.sources.end(),
                      [](const Source& source) { return source.secrets.empty(); });
}

json& object_in(json& root, const char* key) {
  json& value = root[key];
  if (!value.is_object()) value = json::object();
  return value;
}

/// Fills in what `config` lacks and `root` has.
void take_stored(Config& config, const json& root) {
  const json& gateway = object_at(root, "gateway");
  const json& key = object_at(gateway, "key");
  if (std::string secret = string_at(key, "secret");
      config.gateway.keys.empty() && !secret.empty()) {
    SigningKey signing;
    signing.kid = string_at(key, "kid", kKid);
    signing.secret = Secret(std::move(secret));
    config.gateway.keys.push_back(std::move(signing));
  }
  if (std::string secret = string_at(gateway, "server_key");
      config.gateway.server_keys.empty() && !secret.empty()) {
    ServerKey server;
    server.secret = Secret(std::move(secret));
    config.gateway.server_keys.push_back(std::move(server));
  }
  const json& sources = object_at(root, "sources");
  for (Source& source : config.sources) {
    if (!source.secrets.empty()) continue;
    std::string secret = string_at(sources, source.name);
    if (!secret.empty()) source.secrets.emplace_back(std::move(secret));
  }
}

/// Makes up in `root` what `config` still lacks.
void make_up(const Config& config, json& root) {
  json& gateway = object_in(root, "gateway");
  if (config.gateway.keys.empty()) gateway["key"] = {{"kid", kKid}, {"secret", random_key()}};
  if (config.gateway.server_keys.empty()) gateway["server_key"] = random_key();
  json& sources = object_in(root, "sources");
  for (const Source& source : config.sources) {
    if (source.secrets.empty()) sources[source.name] = random_webhook_secret();
  }
}

Status make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return system_error("create data_dir " + path);
}

Result<json> read_stored(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return json(json::object());
    return system_error("read secrets " + path);
  }
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return fail(ErrorCode::kInvalid, "read secrets " + path +
                                         ": others may read or write it; run `chmod 600 " + path +
                                         "`, and if it was exposed delete it to get new keys");
  }
  const auto text = read_file(path, kMaxFileBytes);
  if (!text) return fail(Error(text.error()).prefixed("read secrets"));
  auto root = parse_json(*text);
  if (root && root->is_object()) return root;
  return fail(ErrorCode::kInvalid, "read secrets " + path +
                                       ": is not a JSON object; restore it from a backup, or " +
                                       "delete it to get new keys");
}

Status write_whole(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error("write");
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return ::fsync(fd) == 0 ? Status() : system_error("flush");
}

Status replace_file(const std::string& path, const std::string& text) {
  const std::string fresh = path + ".new";
  ::unlink(fresh.c_str());  // Left by a process that died while it held the lock.
  Status written;
  {
    const Descriptor file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (file.get() < 0) return system_error("create secrets " + fresh);
    written = write_whole(file.get(), text);
  }
  if (written && ::rename(fresh.c_str(), path.c_str()) != 0) written = system_error("rename");
  if (written) return {};
  ::unlink(fresh.c_str());
  return fail(std::move(written.error()).prefixed("write secrets " + path));
}

}  // namespace

Status complete_secrets(Config& config) {
  if (is_complete(config)) return {};
  if (auto made = make_directory(config.data_dir); !made) return made;
  const Descriptor directory(::open(config.data_dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0) return system_error("open data_dir " + config.data_dir);
  while (::flock(directory.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return system_error("lock data_dir " + config.data_dir);
  }
  const std::string path = stored_path(config);
  auto root = read_stored(path);
  if (!root) return fail(std::move(root.error()));
  take_stored(config, *root);
  if (is_complete(config)) return {};
  make_up(config, *root);
  take_stored(config, *root);
  return replace_file(path, root->dump(2) + "\n");
}

Status use_stored_secrets(Config& config) {
  if (is_complete(config)) return {};
  const auto root = read_stored(stored_path(config));
  if (!root) return fail(root.error());
  take_stored(config, *root);
  return {};
}

}  // namespace deskwire::config
