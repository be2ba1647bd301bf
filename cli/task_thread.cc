#include "cli/task_thread.h"

#include "core/log.h"

namespace deskwire::cli {

TaskThread::TaskThread(std::string name, std::size_t max_waiting)
    : name_(std::move(name)), max_waiting_(max_waiting) {}

TaskThread::~TaskThread() { stop(); }

void TaskThread::start() {
  if (thread_.joinable()) return;
  {
    MutexLock lock(mutex_);
    stopped_ = false;
  }
  thread_ = std::thread([this] { run(); });
}

void TaskThread::stop() {
  {
    MutexLock lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  // Tasks may own answers that must be sent when they are dropped: outside of the lock.
  std::deque<std::function<void()>> dropped;
  {
    MutexLock lock(mutex_);
    dropped.swap(tasks_);
  }
}

bool TaskThread::post(std::function<void()> task) {
  {
    MutexLock lock(mutex_);
    if (stopped_ || tasks_.size() >= max_waiting_) return false;
    tasks_.push_back(std::move(task));
  }
  changed_.notify_one();
  return true;
}

void TaskThread::run() {
  log::name_thread(name_);
  while (true) {
    std::function<void()> task;
    {
      MutexLock lock(mutex_);
      while (!stopped_ && tasks_.empty()) changed_.wait(mutex_);
      if (stopped_) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
}

}  // namespace deskwire::cli
