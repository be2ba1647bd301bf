#include "tests/support/memory_stream.h"

#include <algorithm>

namespace deskwire::test {

struct ManualLoop::Timer {
  Milliseconds due;
  std::size_t order;
  std::function<void()> task;
};

ManualLoop::ManualLoop() : owner_(std::this_thread::get_id()) {}
ManualLoop::~ManualLoop() = default;

void ManualLoop::post(std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  posted_.push_back(std::move(task));
}

std::shared_ptr<void> ManualLoop::after(Milliseconds delay, std::function<void()> task) {
  auto timer = std::make_shared<Timer>(Timer{now_ + delay, next_order_++, std::move(task)});
  timers_.push_back(timer);
  return timer;
}

bool ManualLoop::on_this_thread() const { return std::this_thread::get_id() == owner_; }

std::size_t ManualLoop::run() {
  std::size_t ran = 0;
  for (;;) {
    std::vector<std::function<void()>> batch;
    {
      const std::lock_guard lock(mutex_);
      batch.swap(posted_);
    }
    if (batch.empty()) return ran;
    for (auto& task : batch) {
      task();
      task = nullptr;
      ++ran;
    }
  }
}

void ManualLoop::advance(Milliseconds by) {
  const Milliseconds until = now_ + by;
  run();
  for (;;) {
    std::shared_ptr<Timer> next;
    for (const auto& weak : timers_) {
      auto timer = weak.lock();
      if (timer == nullptr || timer->task == nullptr || timer->due > until) continue;
      if (next == nullptr ||
          std::pair(timer->due, timer->order) < std::pair(next->due, next->order))
        next = std::move(timer);
    }
    if (next == nullptr) break;
    now_ = std::max(now_, next->due);
    // Moved out first: the task may destroy its own handle.
    auto task = std::exchange(next->task, nullptr);
    next.reset();
    task();
    run();
  }
  now_ = until;
  std::erase_if(timers_, [](const std::weak_ptr<Timer>& weak) {
    const auto timer = weak.lock();
    return timer == nullptr || timer->task == nullptr;
  });
}

std::size_t ManualLoop::timers() const {
  return static_cast<std::size_t>(
      std::count_if(timers_.begin(), timers_.end(), [](const std::weak_ptr<Timer>& weak) {
        const auto timer = weak.lock();
        return timer != nullptr && timer->task != nullptr;
      }));
}

// One direction of the pair. Shared by both ends, so that either may be destroyed first.
struct MemoryStream::Half {
  std::string bytes;
  std::size_t capacity = kUnlimited;
  std::size_t read_limit = kUnlimited;
  std::size_t writes = 0;
  bool finished = false;     // the writer sent FIN or closed
  bool writer_gone = false;  // the writer closed both directions
  bool reader_gone = false;  // the reader closed: writes fail

  std::span<char> read_into;
  ReadCallback read_done;
  std::function<void(Status)> readable_done;
  // Views, not a copy: a caller that frees its pieces too early is caught by ASan here as well.
  std::vector<std::string_view> unsent;
  WriteCallback write_done;

  // Moves what can move and posts the callbacks that became due.
  void settle(net::Loop& loop) {
    if (write_done != nullptr) settle_write(loop);
    const bool something = !bytes.empty() || finished;
    if (read_done != nullptr && something) {
      const std::size_t count = std::min({read_into.size(), bytes.size(), read_limit});
      std::copy_n(bytes.begin(), count, read_into.begin());
      bytes.erase(0, count);
      loop.post([done = std::exchange(read_done, nullptr), count] { done(count); });
      if (write_done != nullptr) settle_write(loop);
    }
    if (readable_done != nullptr && (!bytes.empty() || finished))
      loop.post([done = std::exchange(readable_done, nullptr)] { done({}); });
  }

 private:
  void settle_write(net::Loop& loop) {
    if (reader_gone) {
      unsent.clear();
      loop.post([done = std::exchange(write_done, nullptr)] {
        done(fail(ErrorCode::kUnavailable, "write stream: the peer closed"));
      });
      return;
    }
    while (!unsent.empty() && bytes.size() < capacity) {
      std::string_view& piece = unsent.front();
      const std::size_t count = std::min(capacity - bytes.size(), piece.size());
      bytes.append(piece.substr(0, count));
      piece.remove_prefix(count);
      if (piece.empty()) unsent.erase(unsent.begin());
    }
    if (unsent.empty()) loop.post([done = std::exchange(write_done, nullptr)] { done({}); });
  }
};

MemoryStream::MemoryStream(ManualLoop& loop, std::shared_ptr<Half> in, std::shared_ptr<Half> out)
    : loop_(loop), in_(std::move(in)), out_(std::move(out)) {}

MemoryStream::~MemoryStream() { close(); }

std::pair<std::unique_ptr<MemoryStream>, std::unique_ptr<MemoryStream>> MemoryStream::make_pair(
    ManualLoop& loop) {
  auto there = std::make_shared<Half>();
  auto back = std::make_shared<Half>();
  return {std::unique_ptr<MemoryStream>(new MemoryStream(loop, there, back)),
          std::unique_ptr<MemoryStream>(new MemoryStream(loop, back, there))};
}

net::Loop& MemoryStream::loop() { return loop_; }

void MemoryStream::read_some(std::span<char> buffer, ReadCallback done) {
  if (closed_) {
    loop_.post(
        [done = std::move(done)] { done(fail(ErrorCode::kCancelled, "read stream: closed")); });
    return;
  }
  in_->read_into = buffer;
  in_->read_done = std::move(done);
  in_->settle(loop_);
}

void MemoryStream::wait_readable(std::function<void(Status)> done) {
  if (closed_) {
    loop_.post(
        [done = std::move(done)] { done(fail(ErrorCode::kCancelled, "read stream: closed")); });
    return;
  }
  in_->readable_done = std::move(done);
  in_->settle(loop_);
}

void MemoryStream::write(std::span<const std::string_view> pieces, WriteCallback done) {
  if (closed_) {
    loop_.post(
        [done = std::move(done)] { done(fail(ErrorCode::kCancelled, "write stream: closed")); });
    return;
  }
  for (const std::string_view piece : pieces)
    if (!piece.empty()) out_->unsent.push_back(piece);
  ++out_->writes;
  out_->write_done = std::move(done);
  out_->settle(loop_);
}

void MemoryStream::shutdown_write() {
  out_->finished = true;
  out_->settle(loop_);
}

void MemoryStream::close() {
  if (closed_) return;
  closed_ = true;
  const auto cancelled = [] { return fail(ErrorCode::kCancelled, "stream: closed"); };
  if (in_->read_done != nullptr)
    loop_.post([done = std::exchange(in_->read_done, nullptr), cancelled] { done(cancelled()); });
  if (in_->readable_done != nullptr)
    loop_.post(
        [done = std::exchange(in_->readable_done, nullptr), cancelled] { done(cancelled()); });
  if (out_->write_done != nullptr)
    loop_.post([done = std::exchange(out_->write_done, nullptr), cancelled] { done(cancelled()); });
  out_->unsent.clear();
  out_->finished = true;
  out_->writer_gone = true;
  in_->reader_gone = true;
  out_->settle(loop_);
  in_->settle(loop_);
}

void MemoryStream::put(std::string_view bytes) {
  out_->bytes.append(bytes);
  out_->settle(loop_);
}

std::string MemoryStream::take() {
  std::string taken = std::exchange(in_->bytes, {});
  in_->settle(loop_);
  return taken;
}

void MemoryStream::set_capacity(std::size_t bytes) {
  in_->capacity = bytes;
  in_->settle(loop_);
}

void MemoryStream::set_read_limit(std::size_t bytes) { in_->read_limit = bytes; }
bool MemoryStream::peer_finished() const { return in_->finished; }
bool MemoryStream::peer_closed() const { return in_->writer_gone; }
std::size_t MemoryStream::peer_writes() const { return in_->writes; }

}  // namespace deskwire::test
