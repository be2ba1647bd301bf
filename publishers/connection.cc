#include "publishers/connection.h"

#include <algorithm>
#include <utility>

namespace deskwire::publishers {

namespace {

constexpr std::size_t kReadBytes = 16384;
/// Asio hands at most 64 buffers to one sendmsg.
constexpr std::size_t kPiecesAWrite = 64;
/// Rounds of fewer writes are not worth a pause.
constexpr std::size_t kManyConnections = 32;
constexpr Milliseconds kLongestPause{5};

SharedFrame shared_frame(Opcode opcode, std::string_view payload) {
  return std::make_shared<const std::string>(make_frame(opcode, payload));
}

}  // namespace

void ConnectionGroup::flush_soon(std::shared_ptr<Connection> connection) {
  waiting_.push_back(std::move(connection));
  if (waiting_.size() > 1) return;
  const auto flush_now = [self = weak_from_this()] {
    if (const auto group = self.lock()) group->flush();
  };
  const auto left =
      std::chrono::round<Milliseconds>(paused_until_ - std::chrono::steady_clock::now());
  if (left.count() > 0) {
    pause_ = loop_.after(left, flush_now);
  } else {
    loop_.post(flush_now);
  }
}

void ConnectionGroup::flush() {
  const auto begun = std::chrono::steady_clock::now();
  const auto connections = std::exchange(waiting_, {});
  for (const auto& one : connections) {
    one->flush_queued_ = false;
    one->flush();
  }
  if (connections.size() < kManyConnections) return;
  const auto ended = std::chrono::steady_clock::now();
  paused_until_ =
      ended + std::min<std::chrono::steady_clock::duration>(ended - begun, kLongestPause);
}

Connection::Connection(std::unique_ptr<net::Stream> stream, std::shared_ptr<ConnectionGroup> group,
                       const ConnectionSettings& settings, const Clock& clock)
    : stream_(std::move(stream)),
      group_(std::move(group)),
      settings_(settings),
      clock_(clock),
      parser_(MessageParser::Sender::kClient, settings.max_message_bytes),
      outbox_(settings.max_outbox_bytes),
      last_received_(clock.monotonic()),
      last_sent_(last_received_) {
  ++group_->open_;
}

Connection::~Connection() {
  if (state_ != State::kClosed) --group_->open_;
}

void Connection::start(std::weak_ptr<Handler> handler, std::string response, std::string leftover) {
  handler_ = std::move(handler);
  outbox_.add_always(std::make_shared<const std::string>(std::move(response)));
  flush();
  held_ = std::move(leftover);
  paused_ = true;
  resume_reading();
  if (settings_.ping.count() > 0) arm_timer(settings_.ping);
}

bool Connection::send(SharedFrame frame, Priority priority) {
  if (state_ != State::kOpen) return false;
  const Outbox::Outcome outcome = outbox_.add(std::move(frame), priority);
  const std::size_t dropped = outbox_.take_dropped();
  if (dropped > 0 && settings_.dropped_frames != nullptr) {
    settings_.dropped_frames->add(static_cast<double>(dropped));
  }
  switch (outcome) {
    case Outbox::Outcome::kDropped:
      return false;
    case Outbox::Outcome::kOverflow:
      outbox_.clear_waiting();
      close(CloseCode::kSlowConsumer, "slow consumer");
      return false;
    case Outbox::Outcome::kAdded:
      break;
  }
  if (!flush_queued_ && !outbox_.writing()) {
    flush_queued_ = true;
    group_->flush_soon(shared_from_this());
  }
  return true;
}

bool Connection::send_text(std::string_view text, Priority priority) {
  return send(shared_frame(Opcode::kText, text), priority);
}

void Connection::close(CloseCode code, std::string_view reason) {
  if (state_ != State::kOpen) return;
  if (const auto handler = handler_.lock()) {
    const std::string farewell = handler->farewell(code, reason);
    if (!farewell.empty()) outbox_.add_always(shared_frame(Opcode::kText, farewell));
  }
  outbox_.add_always(
      shared_frame(Opcode::kClose, close_payload(static_cast<std::uint16_t>(code), reason)));
  begin_closing(static_cast<std::uint16_t>(code));
}

void Connection::begin_closing(std::uint16_t code) {
  state_ = State::kClosing;
  loop().post([handler = handler_, code] {
    if (const auto target = handler.lock()) target->on_closed(code);
  });
  held_ = {};
  arm_timer(settings_.linger);
  flush();
  // The peer's answer must be read, or the system resets the connection and our farewell is lost.
  paused_ = false;
  if (!reading_) wait_for_bytes();
}

void Connection::resume_reading() {
  if (!paused_) return;
  loop().post([self = shared_from_this()] {
    if (!self->paused_ || self->state_ != State::kOpen) return;
    self->paused_ = false;
    const std::string held = std::exchange(self->held_, {});
    self->consume(held);
    if (!self->paused_ && !self->reading_) self->wait_for_bytes();
  });
}

void Connection::wait_for_bytes() {
  if (state_ == State::kClosed) return;
  reading_ = true;
  stream_->wait_readable([self = shared_from_this()](const Status& ready) {
    if (!ready) {
      self->reading_ = false;
      self->finish(static_cast<std::uint16_t>(CloseCode::kAbnormal));
      return;
    }
    self->read(std::make_shared<std::vector<char>>(kReadBytes));
  });
}

void Connection::read(std::shared_ptr<std::vector<char>> buffer) {
  if (state_ == State::kClosed) return;
  const std::span<char> space(*buffer);
  stream_->read_some(space, [self = shared_from_this(),
                             buffer = std::move(buffer)](Result<std::size_t> count) mutable {
    self->reading_ = false;
    if (!count || *count == 0) {
      self->finish(static_cast<std::uint16_t>(CloseCode::kAbnormal));
      return;
    }
    self->last_received_ = self->clock_.monotonic();
    self->consume(std::string_view(buffer->data(), *count));
    if (self->paused_ || self->reading_ || self->state_ == State::kClosed) return;
    self->reading_ = true;
    if (*count == buffer->size()) {
      self->read(std::move(buffer));
    } else {
      self->wait_for_bytes();
    }
  });
}

void Connection::consume(std::string_view bytes) {
  while (state_ == State::kOpen) {
    if (!paused_ && choked()) paused_ = choked_ = true;
    if (paused_) {
      held_.append(bytes);
      return;
    }
    switch (parser_.feed(bytes)) {
      case MessageParser::Outcome::kNeedsMore:
        return;
      case MessageParser::Outcome::kFailed:
        close(static_cast<CloseCode>(parser_.error().code), parser_.error().reason);
        return;
      case MessageParser::Outcome::kMessage:
        on_wire_message(parser_.take());
        break;
    }
  }
}

void Connection::on_wire_message(WireMessage message) {
  switch (message.opcode) {
    case Opcode::kPing:
      // Droppable: a peer that floods us with pings must not end as a slow consumer.
      send(shared_frame(Opcode::kPong, message.payload), Priority::kDroppable);
      return;
    case Opcode::kPong:
      return;
    case Opcode::kClose:
      on_peer_close(message);
      return;
    default:
      if (const auto handler = handler_.lock()) handler->on_message(std::move(message));
  }
}

void Connection::on_peer_close(const WireMessage& message) {
  // What waits goes out first: the peer may have asked for it in the same packet (§5.5.1).
  const bool empty = message.close_code == static_cast<std::uint16_t>(CloseCode::kNoStatus);
  outbox_.add_always(
      shared_frame(Opcode::kClose, empty ? std::string() : close_payload(message.close_code, {})));
  begin_closing(message.close_code);
}

void Connection::flush() {
  if (state_ == State::kClosed || outbox_.writing()) return;
  if (outbox_.empty()) {
    if (state_ == State::kClosing && !fin_sent_) {
      fin_sent_ = true;
      stream_->shutdown_write();
    }
    return;
  }
  last_sent_ = clock_.monotonic();
  std::vector<std::string_view> pieces = outbox_.begin_write(kPiecesAWrite);
  if (pieces.size() == 1) {
    const std::size_t sent = stream_->write_now(pieces[0]);
    if (sent == pieces[0].size()) {
      on_written({});
      return;
    }
    pieces[0].remove_prefix(sent);
  }
  stream_->write(pieces,
                 [self = shared_from_this()](const Status& written) { self->on_written(written); });
}

void Connection::on_written(const Status& written) {
  outbox_.end_write();
  if (!written) {
    finish(static_cast<std::uint16_t>(CloseCode::kAbnormal));
    return;
  }
  if (choked_) {
    // Its pongs wait unread with the rest: that it reads is its sign of life.
    last_received_ = clock_.monotonic();
    if (outbox_.all_bytes() <= settings_.max_outbox_bytes / 2) {
      choked_ = false;
      resume_reading();
    }
  }
  flush();
}

void Connection::finish(std::uint16_t code) {
  if (state_ == State::kClosed) return;
  if (state_ == State::kOpen) {
    loop().post([handler = handler_, code] {
      if (const auto target = handler.lock()) target->on_closed(code);
    });
  }
  state_ = State::kClosed;
  --group_->open_;
  timer_.reset();
  held_ = {};
  outbox_.clear_waiting();
  stream_->close();
}

void Connection::arm_timer(Milliseconds delay) {
  timer_ = loop().after(delay, [self = weak_from_this()] {
    if (const auto connection = self.lock()) connection->on_timer();
  });
}

void Connection::on_timer() {
  if (state_ != State::kOpen) {
    finish(static_cast<std::uint16_t>(CloseCode::kAbnormal));
    return;
  }
  const MonotonicTime now = clock_.monotonic();
  // Anything received is a sign of life, not only the pong.
  if (ping_outstanding_ && last_received_ >= ping_sent_) ping_outstanding_ = false;
  if (ping_outstanding_ && now - ping_sent_ >= settings_.pong_timeout) {
    close(CloseCode::kPongMissed, "pong missed");
    return;
  }
  if (now - last_sent_ >= settings_.ping) {
    last_sent_ = now;
    if (const auto handler = handler_.lock(); handler && !handler->keep_alive().empty()) {
      send_text(handler->keep_alive(), Priority::kDroppable);
    }
  }
  if (!ping_outstanding_ && now - last_received_ >= settings_.ping) {
    send(shared_frame(Opcode::kPing, {}), Priority::kDroppable);
    ping_outstanding_ = true;
    ping_sent_ = now;
  }
  const MonotonicTime next = ping_outstanding_
                                 ? ping_sent_ + settings_.pong_timeout
                                 : std::min(last_received_, last_sent_) + settings_.ping;
  const auto delay = std::chrono::ceil<Milliseconds>(next - now);
  arm_timer(std::max(delay, Milliseconds(1)));
}

}  // namespace deskwire::publishers
