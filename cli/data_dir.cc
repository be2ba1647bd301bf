#include "cli/data_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <system_error>

namespace deskwire::cli {
namespace {

constexpr const char* kLock = "/serve.lock";

tl::unexpected<Error> system_error(const std::string& what) {
  return fail(ErrorCode::kUnavailable, what + ": " + std::generic_category().message(errno));
}

std::string read_holder(int fd) {
  std::array<char, 32> text{};
  const ssize_t count = ::pread(fd, text.data(), text.size(), 0);
  std::string holder(text.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
  while (!holder.empty() && holder.back() == '\n') holder.pop_back();
  return holder;
}

}  // namespace

std::string real_path(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                         &std::free);
  return real ? std::string(real.get()) : path;
}

Status find_data_dir(const config::Config& config) {
  // Without a Redis of its own a process leaves no lock; then all there is to see is a directory.
  const std::string trace = config.data_dir + (config.redis.url.empty() ? kLock : "");
  struct stat status {};
  if (::stat(trace.c_str(), &status) == 0) return {};
  if (errno != ENOENT && errno != ENOTDIR) return system_error("look at data_dir " + trace);
  return fail(ErrorCode::kUnavailable,
              "look at data_dir " + config.data_dir +
                  ": no server has run there; is `deskwire serve` running? "
                  "(--data-dir or --config name its directory)");
}

Result<DataDir> DataDir::lock(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return system_error("create data_dir " + path);
  }
  const std::string file = path + kLock;
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return system_error("open " + file);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const bool held = errno == EWOULDBLOCK;
    const std::string holder = read_holder(fd);
    ::close(fd);
    if (!held) return system_error("lock " + file);
    return fail(ErrorCode::kConflict,
                "lock data_dir " + path + ": another deskwire serve" +
                    (holder.empty() ? "" : " (pid " + holder + ")") +
                    " uses it; stop that one, or give this one another --data-dir");
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  // The pid is for people who read the message above; without it the lock holds all the same.
  if (::ftruncate(fd, 0) == 0) (void)!::pwrite(fd, pid.data(), pid.size(), 0);
  return DataDir(real_path(path), fd);
}

DataDir::DataDir(DataDir&& other) noexcept : path_(std::move(other.path_)), fd_(other.fd_) {
  other.fd_ = -1;
}

DataDir::~DataDir() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace deskwire::cli
