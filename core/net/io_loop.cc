#include "core/net/io_loop.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <system_error>
#include <utility>

#include "core/log.h"

namespace deskwire::net {

namespace asio = boost::asio;

struct IoLoop::Context {
  // One thread runs the loop and only it touches descriptors, so their locks can be left out;
  // post() from other threads stays safe.
  asio::io_context io{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO};
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  // Opens the reactor's descriptors now, where a failure has a caller; Asio would else open them at
  // the first use, on the loop's thread, and throw there when none are left.
  asio::steady_timer reactor{io};
};

class IoLoop::Timer final : public Member, public std::enable_shared_from_this<Timer> {
 public:
  Timer(std::shared_ptr<IoLoop> loop, std::function<void()> task)
      : loop_(std::move(loop)), timer_(loop_->context()), task_(std::move(task)) {}

  void arm(Milliseconds delay) {
    timer_.expires_after(delay);
    timer_.async_wait([self = shared_from_this()](const boost::system::error_code&) {
      // The task, not the error, says whether the timer is wanted: it may have been cancelled
      // after it fell due.
      if (self->task_ == nullptr) return;
      const auto task = std::exchange(self->task_, nullptr);
      self->loop_->leave(*self);
      task();
    });
    loop_->join(*this);
  }

  void cancel() {
    if (task_ == nullptr) return;
    loop_->leave(*this);
    loop_stopping();
  }

  void loop_stopping() override {
    task_ = nullptr;
    timer_.cancel();
  }

 private:
  std::shared_ptr<IoLoop> loop_;
  asio::steady_timer timer_;
  std::function<void()> task_;
};

Result<std::shared_ptr<IoLoop>> IoLoop::make(std::string thread_name) {
  try {
    return std::shared_ptr<IoLoop>(new IoLoop(std::move(thread_name)));
  } catch (const std::exception& error) {
    return fail(ErrorCode::kUnavailable, std::string("make io loop: ") + error.what());
  }
}

IoLoop::IoLoop(std::string thread_name)
    : thread_name_(std::move(thread_name)), context_(std::make_unique<Context>()) {}

IoLoop::~IoLoop() = default;

Status IoLoop::start() {
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& error) {
    return fail(ErrorCode::kUnavailable, "start thread " + thread_name_ + ": " + error.what());
  }
  return {};
}

void IoLoop::run() {
  log::name_thread(thread_name_);
  context_->io.run();
}

void IoLoop::stop() {
  if (thread_.joinable()) {
    post([this] { end_members(); });
    thread_.join();
  }
  std::vector<std::function<void()>> dropped;
  {
    const MutexLock lock(mutex_);
    stopped_ = true;
    dropped.swap(posted_);
  }
}

void IoLoop::end_members() {
  stopping_ = true;
  // A member may take others with it, so each is looked up again.
  while (!members_.empty()) {
    Member* const member = *members_.begin();
    members_.erase(members_.begin());
    member->loop_stopping();
  }
  context_->work.reset();
}

void IoLoop::post(std::function<void()> task) {
  {
    const MutexLock lock(mutex_);
    if (stopped_) return;
    posted_.push_back(std::move(task));
    // Invariant: while posted_ is not empty, exactly one run_posted() is on its way.
    if (posted_.size() > 1) return;
  }
  asio::post(context_->io, [this] { run_posted(); });
}

void IoLoop::run_posted() {
  std::vector<std::function<void()>> tasks;
  {
    const MutexLock lock(mutex_);
    tasks.swap(posted_);
  }
  for (auto& task : tasks) {
    task();
    task = nullptr;
  }
}

std::shared_ptr<void> IoLoop::after(Milliseconds delay, std::function<void()> task) {
  if (stopping_) return nullptr;
  auto timer = std::make_shared<Timer>(shared_from_this(), std::move(task));
  timer->arm(delay);
  return {timer.get(), [timer](void*) { timer->cancel(); }};
}

bool IoLoop::on_this_thread() const { return context_->io.get_executor().running_in_this_thread(); }

asio::io_context& IoLoop::context() { return context_->io; }

void IoLoop::join(Member& member) {
  if (stopping_)
    member.loop_stopping();
  else
    members_.insert(&member);
}

void IoLoop::leave(Member& member) { members_.erase(&member); }

}  // namespace deskwire::net
