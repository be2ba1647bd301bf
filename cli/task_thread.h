#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <thread>

#include "core/mutex.h"

namespace deskwire::cli {

/// One thread that runs tasks in order, for work that blocks and must leave an I/O loop. Its queue
/// is bounded.
///
/// Thread safety: start and stop from one thread, post from any.
class TaskThread {
 public:
  TaskThread(std::string name, std::size_t max_waiting);
  ~TaskThread();  ///< Calls stop().
  TaskThread(const TaskThread&) = delete;
  TaskThread& operator=(const TaskThread&) = delete;

  void start();
  /// Drops what waits and joins. Twice, unstarted: fine.
  void stop();
  /// False when the queue is full or the thread has stopped.
  bool post(std::function<void()> task) DW_EXCLUDES(mutex_);

 private:
  void run() DW_EXCLUDES(mutex_);

  const std::string name_;
  const std::size_t max_waiting_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<std::function<void()>> tasks_ DW_GUARDED_BY(mutex_);
  bool stopped_ DW_GUARDED_BY(mutex_) = true;
  std::thread thread_;
};

}  // namespace deskwire::cli
