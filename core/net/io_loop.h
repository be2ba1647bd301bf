#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "core/mutex.h"
#include "core/net/stream.h"

namespace boost::asio {
class io_context;
}  // namespace boost::asio

namespace deskwire::net {

/// A loop on an io_context of its own and one named thread.
///
/// Owned jointly by whoever may still post to it or hold a stream of it: both are harmless after
/// stop(), which leaves no callback waiting.
///
/// Thread safety: post() and on_this_thread() from any thread; start() and stop() from one thread
/// that is not the loop's; the rest on the loop's thread.
class IoLoop final : public Loop, public std::enable_shared_from_this<IoLoop> {
 public:
  /// Something on the loop that has callbacks waiting: stop() ends them through this.
  class Member {
   public:
    virtual ~Member() = default;
    virtual void loop_stopping() = 0;
  };

  /// @errors kUnavailable: the system gives no descriptor for it.
  static Result<std::shared_ptr<IoLoop>> make(std::string thread_name);
  ~IoLoop() override;
  IoLoop(const IoLoop&) = delete;
  IoLoop& operator=(const IoLoop&) = delete;

  /// @errors kUnavailable: the system gives no thread.
  Status start();
  /// Ends what its members wait for, runs their last callbacks, joins. Twice, unstarted: fine.
  void stop();

  void post(std::function<void()> task) override;
  std::shared_ptr<void> after(Milliseconds delay, std::function<void()> task) override;
  bool on_this_thread() const override;

  boost::asio::io_context& context();
  /// A member that joins a loop being stopped is told at once.
  void join(Member& member);
  void leave(Member& member);

 private:
  struct Context;
  class Timer;
  explicit IoLoop(std::string thread_name);
  void run();
  void run_posted();
  void end_members();

  const std::string thread_name_;
  std::unique_ptr<Context> context_;
  std::unordered_set<Member*> members_;
  bool stopping_ = false;  // Loop thread.
  std::thread thread_;

  Mutex mutex_;
  std::vector<std::function<void()>> posted_ DW_GUARDED_BY(mutex_);
  bool stopped_ DW_GUARDED_BY(mutex_) = false;
};

}  // namespace deskwire::net
