#pragma once

#include <condition_variable>
#include <mutex>

// libstdc++'s std::mutex carries no annotations for clang's -Wthread-safety, so it is wrapped.
// Under g++ the attributes are empty.
#if defined(__clang__)
#define DESKWIRE_ATTRIBUTE(x) __attribute__((x))
#else
#define DESKWIRE_ATTRIBUTE(x)
#endif
#define DW_CAPABILITY(x) DESKWIRE_ATTRIBUTE(capability(x))
#define DW_SCOPED_CAPABILITY DESKWIRE_ATTRIBUTE(scoped_lockable)
#define DW_GUARDED_BY(x) DESKWIRE_ATTRIBUTE(guarded_by(x))
#define DW_REQUIRES(...) DESKWIRE_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define DW_EXCLUDES(...) DESKWIRE_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define DW_ACQUIRE(...) DESKWIRE_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define DW_RELEASE(...) DESKWIRE_ATTRIBUTE(release_capability(__VA_ARGS__))

namespace deskwire {

class DW_CAPABILITY("mutex") Mutex {
 public:
  void lock() DW_ACQUIRE() { mutex_.lock(); }
  void unlock() DW_RELEASE() { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

class DW_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) DW_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() DW_RELEASE() { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

/// Waits on a Mutex that the caller holds. Loops over the condition belong to the caller, so that
/// the analysis sees the guarded reads:
///   MutexLock lock(mutex_);
///   while (queue_.empty()) changed_.wait(mutex_);
class CondVar {
 public:
  void wait(Mutex& mutex) DW_REQUIRES(mutex) {
    std::unique_lock<std::mutex> held(mutex.mutex_, std::adopt_lock);
    condition_.wait(held);
    held.release();
  }
  /// False when the deadline has passed.
  template <typename TimePoint>
  bool wait_until(Mutex& mutex, TimePoint deadline) DW_REQUIRES(mutex) {
    std::unique_lock<std::mutex> held(mutex.mutex_, std::adopt_lock);
    const std::cv_status status = condition_.wait_until(held, deadline);
    held.release();
    return status == std::cv_status::no_timeout;
  }
  void notify_one() { condition_.notify_one(); }
  void notify_all() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace deskwire
