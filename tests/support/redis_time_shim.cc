// Loaded into redis-server in front of libc (LD_PRELOAD), so that a test is the clock of its
// server: a file that both map holds the time in milliseconds since 1970, 0 for the real one.
//
// Only the wall clock is replaced. Redis schedules its own work by the monotonic clock.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace {

using SharedTime = std::atomic<std::int64_t>;
static_assert(SharedTime::is_always_lock_free);

const SharedTime* open_shared() {
  const char* path = std::getenv("DESKWIRE_REDIS_TIME");
  if (path == nullptr) return nullptr;
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return nullptr;
  void* mapped = ::mmap(nullptr, sizeof(SharedTime), PROT_READ, MAP_SHARED, fd, 0);
  ::close(fd);
  return mapped == MAP_FAILED ? nullptr : static_cast<const SharedTime*>(mapped);
}

timespec wall_clock() {
  static const SharedTime* const shared = open_shared();
  const std::int64_t ms = shared == nullptr ? 0 : shared->load();
  if (ms != 0) return {ms / 1000, ms % 1000 * 1'000'000};
  timespec real{};
  ::syscall(SYS_clock_gettime, CLOCK_REALTIME, &real);
  return real;
}

}  // namespace

extern "C" {

int gettimeofday(timeval* into, void* /*zone*/) noexcept {
  const timespec now = wall_clock();
  *into = {now.tv_sec, now.tv_nsec / 1000};
  return 0;
}

int clock_gettime(clockid_t clock, timespec* into) noexcept {
  if (clock != CLOCK_REALTIME) return static_cast<int>(::syscall(SYS_clock_gettime, clock, into));
  *into = wall_clock();
  return 0;
}

time_t time(time_t* into) noexcept {
  const timespec now = wall_clock();
  if (into != nullptr) *into = now.tv_sec;
  return now.tv_sec;
}
}
