#include "tests/support/redis_time.h"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace deskwire::testing {
namespace {

using SharedTime = std::atomic<std::int64_t>;

}  // namespace

RedisTime::RedisTime(std::int64_t wall_ms) {
  const char* base = std::getenv("TMPDIR");
  path_ = std::string(base != nullptr ? base : "/tmp") + "/dw-redis-time-XXXXXX";
  const int fd = mkstemp(path_.data());
  void* mapped = MAP_FAILED;
  if (fd >= 0 && ::ftruncate(fd, sizeof(SharedTime)) == 0) {
    mapped = ::mmap(nullptr, sizeof(SharedTime), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
  if (mapped == MAP_FAILED) {
    std::perror("redis_time");
    std::abort();
  }
  ::close(fd);
  shared_ = mapped;
  new (shared_) SharedTime(wall_ms);
}

RedisTime::~RedisTime() {
  ::munmap(shared_, sizeof(SharedTime));
  ::unlink(path_.c_str());
}

std::vector<std::string> RedisTime::environment() const {
  return {"LD_PRELOAD=" DESKWIRE_REDIS_TIME_SHIM, "DESKWIRE_REDIS_TIME=" + path_};
}

void RedisTime::set_wall_ms(std::int64_t wall_ms) {
  static_cast<SharedTime*>(shared_)->store(wall_ms);
}

}  // namespace deskwire::testing
