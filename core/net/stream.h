#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/result.h"

namespace deskwire::net {

/// One thread of I/O ("ws-N"): callbacks of its streams and timers run on it, one at a time.
class Loop {
 public:
  virtual ~Loop() = default;
  /// Runs `task` on the loop's thread, soon. From any thread. Dropped when the loop has stopped.
  virtual void post(std::function<void()> task) = 0;
  /// Runs `task` once after `delay`, unless the returned handle is destroyed before. Loop thread.
  virtual std::shared_ptr<void> after(Milliseconds delay, std::function<void()> task) = 0;
  virtual bool on_this_thread() const = 0;
};

/// A connected byte stream (TCP, later TLS, in tests memory). Loop thread only, except `loop()`.
/// At most one read and one write in flight.
class Stream {
 public:
  using ReadCallback = std::function<void(Result<std::size_t>)>;  ///< 0: the peer closed.
  using WriteCallback = std::function<void(Status)>;

  virtual ~Stream() = default;
  virtual Loop& loop() = 0;
  /// Reads at least one byte into `buffer`, which must live until the callback.
  virtual void read_some(std::span<char> buffer, ReadCallback done) = 0;
  /// Waits until there is something to read, without holding a buffer (idle sessions stay small).
  virtual void wait_readable(std::function<void(Status)> done) = 0;
  /// Writes all pieces in one gathered write; they must live until the callback.
  virtual void write(std::span<const std::string_view> pieces, WriteCallback done) = 0;
  /// Writes as much of `bytes` as the system takes at once, without a callback; 0 when it takes
  /// nothing now, when the stream must encrypt first, or on an error, which write() then reports.
  /// Only while no write is in flight.
  virtual std::size_t write_now(std::string_view bytes);
  /// Sends FIN after what was written. Nothing may be written afterwards.
  virtual void shutdown_write() = 0;
  /// Cancels what is in flight (callbacks get kCancelled) and closes. Twice is fine.
  virtual void close() = 0;
  /// Address of the peer without the port ("127.0.0.1"); empty when unknown.
  virtual std::string peer_address() const = 0;
};

inline std::size_t Stream::write_now(std::string_view /*bytes*/) { return 0; }

}  // namespace deskwire::net
