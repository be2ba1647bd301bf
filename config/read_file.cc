#include "config/read_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace deskwire::config {
namespace {

std::string system_reason() { return std::generic_category().message(errno); }

Result<std::string> read_open_file(int fd, const std::string& path, std::size_t max_bytes) {
  struct stat status {};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    return fail(ErrorCode::kInvalid, path + ": is not a regular file");
  }
  std::string text;
  std::array<char, 16384> buffer{};
  while (true) {
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(ErrorCode::kNotFound, path + ": " + system_reason());
    if (count == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(count));
    if (text.size() > max_bytes) {
      return fail(ErrorCode::kTooLarge,
                  path + ": is larger than " + std::to_string(max_bytes) + " bytes");
    }
  }
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t max_bytes) {
  if (path.find('\0') != std::string::npos) {
    return fail(ErrorCode::kInvalid, "the path contains a zero byte");
  }
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return fail(ErrorCode::kNotFound, path + ": " + system_reason());
  auto text = read_open_file(fd, path, max_bytes);
  ::close(fd);
  return text;
}

}  // namespace deskwire::config
