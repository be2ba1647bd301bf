#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/metrics.h"
#include "core/net/stream.h"
#include "publishers/codes.h"
#include "publishers/outbox.h"
#include "publishers/websocket_codec.h"

namespace deskwire::publishers {

class Connection;

/// The connections of one loop. Those with something to send are flushed together, after
/// everything that the loop had to deliver before. A write costs the same for one frame as for
/// many, so under load they are gathered: a round of writes to many connections is followed by a
/// pause as long as it took, 5 ms at most. When idle the delay is one turn of the loop.
///
/// Loop thread only, except open().
class ConnectionGroup : public std::enable_shared_from_this<ConnectionGroup> {
 public:
  explicit ConnectionGroup(net::Loop& loop) : loop_(loop) {}

  net::Loop& loop() { return loop_; }
  void flush_soon(std::shared_ptr<Connection> connection);
  /// Connections whose socket is not closed yet. From any thread.
  std::size_t open() const { return open_.load(); }

 private:
  friend class Connection;
  void flush();

  net::Loop& loop_;
  std::vector<std::shared_ptr<Connection>> waiting_;
  std::shared_ptr<void> pause_;
  std::chrono::steady_clock::time_point paused_until_;
  std::atomic<std::size_t> open_{0};
};

/// Limits and periods of a connection; outlives it.
struct ConnectionSettings {
  std::size_t max_message_bytes = 65536;
  std::size_t max_outbox_bytes = 1U << 20U;
  Milliseconds ping{25000};  ///< Of silence; 0: never.
  Milliseconds pong_timeout{10000};
  Milliseconds linger{5000};  ///< How long a closed peer may take to hang up.
  Metrics::Counter* dropped_frames = nullptr;
};

/// One WebSocket on one stream: parses, answers control frames, keeps the bounded outbox, watches
/// for silence and closes in order. It knows no dialect.
///
/// Loop thread only. Between messages it holds no buffer: it waits until there is something to
/// read. At most one write is in flight and gathers what waits. A peer that does not read is not
/// read either: while more than the outbox's limit waits, replays included, so does what it sent.
class Connection final : public std::enable_shared_from_this<Connection> {
 public:
  /// What sits on top. Calls come from the loop and never from inside send() or close().
  class Handler {
   public:
    virtual ~Handler() = default;
    /// A text or binary message.
    virtual void on_message(WireMessage message) = 0;
    /// The text to send before a close frame; empty: none. Must not call back.
    virtual std::string farewell(CloseCode code, std::string_view reason) = 0;
    /// The text to send after `ping` of silence, for peers that cannot see ping frames; empty:
    /// none.
    virtual std::string_view keep_alive() = 0;
    /// Once, when closing begins. `code` as sent, or as the peer gave it.
    virtual void on_closed(std::uint16_t code) = 0;
  };

  Connection(std::unique_ptr<net::Stream> stream, std::shared_ptr<ConnectionGroup> group,
             const ConnectionSettings& settings, const Clock& clock);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// @param response  The handshake's answer, sent first.
  /// @param leftover  Bytes read beyond the handshake.
  void start(std::weak_ptr<Handler> handler, std::string response, std::string leftover);

  /// @return False when the frame was dropped, or the connection is (or now begins) closing.
  bool send(SharedFrame frame, Priority priority);
  bool send_text(std::string_view text, Priority priority = Priority::kNormal);
  /// Farewell, close frame, FIN; then waits for the peer to hang up. Further calls do nothing.
  void close(CloseCode code, std::string_view reason);
  /// Back-pressure: messages wait in the socket meanwhile.
  void pause_reading() { paused_ = true; }
  void resume_reading();
  /// Bytes that wait to be written, replays included.
  std::size_t waiting_bytes() const { return outbox_.all_bytes(); }

  bool is_open() const { return state_ == State::kOpen; }
  net::Loop& loop() { return group_->loop(); }

 private:
  friend class ConnectionGroup;
  enum class State : std::uint8_t { kOpen, kClosing, kClosed };

  void wait_for_bytes();
  void read(std::shared_ptr<std::vector<char>> buffer);
  void consume(std::string_view bytes);
  void on_wire_message(WireMessage message);
  void on_peer_close(const WireMessage& message);
  void begin_closing(std::uint16_t code);
  void flush();
  void on_written(const Status& written);
  void finish(std::uint16_t code);
  void arm_timer(Milliseconds delay);
  void on_timer();
  bool choked() const { return outbox_.all_bytes() > settings_.max_outbox_bytes; }

  std::unique_ptr<net::Stream> stream_;
  std::shared_ptr<ConnectionGroup> group_;
  const ConnectionSettings& settings_;
  const Clock& clock_;
  std::weak_ptr<Handler> handler_;
  MessageParser parser_;
  Outbox outbox_;
  std::string held_;  ///< Bytes that arrived while reading was paused.
  std::shared_ptr<void> timer_;
  MonotonicTime last_received_;
  MonotonicTime last_sent_;
  MonotonicTime ping_sent_;
  State state_ = State::kOpen;
  bool ping_outstanding_ = false;
  bool reading_ = false;
  bool paused_ = false;
  bool choked_ = false;  ///< What it sent waits until it has read.
  bool flush_queued_ = false;
  bool fin_sent_ = false;
};

}  // namespace deskwire::publishers
