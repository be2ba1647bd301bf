#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "core/net/stream.h"

namespace deskwire::test {

/// A net::Loop that runs only when the test says so, on a clock that only the test moves.
///
/// Thread safety: post() from any thread, the rest from the test's thread. Timers and streams
/// must not outlive the loop.
class ManualLoop final : public net::Loop {
 public:
  ManualLoop();
  ~ManualLoop() override;
  ManualLoop(const ManualLoop&) = delete;
  ManualLoop& operator=(const ManualLoop&) = delete;

  void post(std::function<void()> task) override;
  std::shared_ptr<void> after(Milliseconds delay, std::function<void()> task) override;
  bool on_this_thread() const override;

  /// Runs what is posted, and what that posts, until nothing is left. Returns how many ran.
  std::size_t run();
  /// Moves the clock and runs the timers that fall due, in order of their time, each followed by
  /// run().
  void advance(Milliseconds by);
  /// Timers that are armed: a session that is gone must leave none.
  std::size_t timers() const;

 private:
  struct Timer;
  std::thread::id owner_;
  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;
  std::vector<std::weak_ptr<Timer>> timers_;
  Milliseconds now_{0};
  std::size_t next_order_ = 0;
};

/// One end of a connected pair in memory. Besides net::Stream it has plain calls for the test's
/// own end. Callbacks come through the loop, never from inside a call, as over a socket.
///
///   auto [server, client] = MemoryStream::make_pair(loop);
///   MemoryStream* ours = client.get();      // the test keeps one end …
///   session.start(std::move(server));       // … and gives the other away
///   ours->put("hello"); loop.run(); CHECK(ours->take() == "…");
class MemoryStream final : public net::Stream {
 public:
  static constexpr std::size_t kUnlimited = std::numeric_limits<std::size_t>::max();

  static std::pair<std::unique_ptr<MemoryStream>, std::unique_ptr<MemoryStream>> make_pair(
      ManualLoop& loop);
  ~MemoryStream() override;
  MemoryStream(const MemoryStream&) = delete;
  MemoryStream& operator=(const MemoryStream&) = delete;

  net::Loop& loop() override;
  void read_some(std::span<char> buffer, ReadCallback done) override;
  void wait_readable(std::function<void(Status)> done) override;
  void write(std::span<const std::string_view> pieces, WriteCallback done) override;
  void shutdown_write() override;
  void close() override;
  std::string peer_address() const override { return "127.0.0.1"; }

  /// Sends to the other end without a callback, past any capacity.
  void put(std::string_view bytes);
  /// Everything that has arrived here and was not read yet; makes room for a stalled writer.
  std::string take();
  /// How many bytes may wait here unread before the other end's write stalls (a slow reader).
  void set_capacity(std::size_t bytes);
  /// The most bytes that one read_some at this end gets, to cut frames at every place.
  void set_read_limit(std::size_t bytes);
  /// The other end has sent FIN or closed, whether or not everything was read.
  bool peer_finished() const;
  /// The other end has closed both directions.
  bool peer_closed() const;
  /// Calls of write() at the other end: shows what was gathered.
  std::size_t peer_writes() const;

 private:
  struct Half;
  MemoryStream(ManualLoop& loop, std::shared_ptr<Half> in, std::shared_ptr<Half> out);

  ManualLoop& loop_;
  std::shared_ptr<Half> in_;
  std::shared_ptr<Half> out_;
  bool closed_ = false;
};

}  // namespace deskwire::test
