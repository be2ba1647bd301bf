#include "config/secret_source.h"

#include <cstdlib>

#include "config/read_file.h"

namespace deskwire::config {
namespace {

constexpr std::size_t kMaxSecretBytes = 65536;

}  // namespace

Result<Secret> secret_from_environment(const std::string& name) {
  const char* value =
      name.find('\0') == std::string::npos && !name.empty() ? std::getenv(name.c_str()) : nullptr;
  if (value == nullptr || *value == '\0') {
    return fail(ErrorCode::kNotFound, "environment variable " + name + " is not set");
  }
  return Secret(value);
}

Result<Secret> secret_from_file(const std::string& path, const std::string& base_dir) {
  const std::string full = path.starts_with('/') || base_dir.empty() ? path : base_dir + "/" + path;
  auto text = read_file(full, kMaxSecretBytes);
  if (!text) return fail(std::move(text.error()));
  while (text->ends_with('\n') || text->ends_with('\r')) text->pop_back();
  if (text->empty()) return fail(ErrorCode::kNotFound, full + ": is empty");
  if (text->find('\0') != std::string::npos) {
    return fail(ErrorCode::kInvalid, full + ": contains a zero byte");
  }
  return Secret(std::move(*text));
}

}  // namespace deskwire::config
