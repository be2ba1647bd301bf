#include "core/net/http_connection.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "core/net/http_connections.h"
#include "core/net/http_responder.h"
#include "core/net/http_text.h"
#include "core/net/tls.h"

namespace deskwire::net {

namespace {

// The most a stream's peer may leave unread (contract §4 gives sessions the same).
constexpr std::size_t kMaxUnsentBytes = 1U << 20U;
// After the last answer: what is read and thrown away so that the peer can see the answer.
constexpr std::size_t kMaxDiscardedBytes = 16U << 20U;
constexpr Milliseconds kLinger{2000};
// Room for one read, where heads are limited to less.
constexpr std::size_t kMinBufferBytes = 16384;

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
constexpr std::string_view kLastChunk = "0\r\n\r\n";

constexpr Refusal kHeadTimeout{408, "head_timeout", "request head took too long"};
constexpr Refusal kBodyTimeout{408, "body_timeout", "request body took too long"};
constexpr Refusal kBodyTooLarge{413, "body_too_large", "request body too large"};
constexpr Refusal kNoHost{400, "bad_host", "exactly one host header is required"};
constexpr Refusal kWrongHost{403, "host", "host not allowed; add it to the list of hosts"};

}  // namespace

HttpConnection::HttpConnection(HttpConnections& owner, std::unique_ptr<Stream> stream)
    : owner_(owner),
      stream_(std::move(stream)),
      peer_address_(stream_->peer_address()),
      parser_({owner.settings().options.max_head_bytes, owner.settings().options.max_body_bytes}) {}

void HttpConnection::start() {
  // One that never says a word has the time of a head, not that of an idle connection.
  const HttpServer::Options& options = owner_.settings().options;
  deadline_in(options.head_timeout +
              (options.tls ? options.tls->handshake_timeout() : Milliseconds(0)));
  read_more();
}

void HttpConnection::close() {
  if (phase_ == Phase::kClosed) return;
  phase_ = Phase::kClosed;
  deadline_ = 0;
  if (stream_ != nullptr) {
    stream_->close();
    stream_.reset();
  }
  // Posted: the owner of the callback may be inside a call to this connection.
  if (on_gone_ != nullptr) owner_.loop()->post(std::exchange(on_gone_, nullptr));
  owner_.remove(shared_from_this());
}

void HttpConnection::drain() {
  // One that is new was opened for a request that is on its way: it keeps the time of a head.
  if (phase_ == Phase::kHead && !head_started_ && exchange_ > 0) close();
}

void HttpConnection::deadline_passed() {
  const auto self = shared_from_this();
  if (phase_ == Phase::kHead && head_started_)
    refuse(kHeadTimeout);
  else if (phase_ == Phase::kBody || phase_ == Phase::kContinue)
    refuse(kBodyTimeout);
  else
    close();
}

void HttpConnection::deadline_in(Milliseconds time) { deadline_ = owner_.tick_after(time); }

// ---- Reading ----

void HttpConnection::read_more() {
  if (reading_) return;
  if (peer_finished_) {
    peer_finished();
    return;
  }
  const std::size_t limit = std::max(owner_.settings().options.max_head_bytes + 2, kMinBufferBytes);
  const std::span<char> room = buffer_.prepare(limit);
  if (room.empty()) return;
  reading_ = true;
  stream_->read_some(room, [self = shared_from_this()](const Result<std::size_t>& count) {
    self->reading_ = false;
    self->bytes_arrived(count);
  });
}

void HttpConnection::bytes_arrived(const Result<std::size_t>& count) {
  if (phase_ == Phase::kClosed) return;
  if (!count) {
    close();
    return;
  }
  if (*count == 0) {
    peer_finished_ = true;
    peer_finished();
    return;
  }
  buffer_.commit(*count);
  if (phase_ == Phase::kLingering) {
    discarded_ += *count;
    buffer_.clear();
    if (discarded_ > kMaxDiscardedBytes)
      close();
    else
      read_more();
  } else if (phase_ == Phase::kStreaming) {
    read_more();  // Only to learn when the peer goes; ends when the buffer is full.
  } else {
    advance();
  }
}

void HttpConnection::peer_finished() {
  // A peer that only closed its sending side still reads the answer to a whole request.
  if (phase_ == Phase::kHandling || phase_ == Phase::kWriting) return;
  close();
}

void HttpConnection::advance() {
  if (phase_ == Phase::kHead)
    advance_head();
  else if (phase_ == Phase::kBody)
    advance_body();
}

void HttpConnection::advance_head() {
  std::size_t consumed = 0;
  const HttpParser::Progress progress = parser_.take_head(buffer_.unread(), consumed);
  buffer_.consume(consumed);
  if (progress == HttpParser::Progress::kRefused) {
    refuse(parser_.refusal());
  } else if (progress == HttpParser::Progress::kDone) {
    head_done();
  } else {
    // From its first byte on a head has one deadline, however often a byte arrives.
    if (!buffer_.empty() && !std::exchange(head_started_, true))
      deadline_in(owner_.settings().options.head_timeout);
    read_more();
  }
}

void HttpConnection::head_done() {
  const HttpSettings& settings = owner_.settings();
  const HttpParser::Head& head = parser_.head();
  head_started_ = true;
  keep_alive_ = head.keep_alive;
  if (head.hosts > 1 || (head.hosts == 0 && !head.http_1_0)) return refuse(kNoHost);
  if ((head.hosts == 1 && !settings.hosts.allows(head.host)) ||
      (!head.authority.empty() && !settings.hosts.allows(head.authority)))
    return refuse(kWrongHost);
  if (head.body_too_large) return refuse(kBodyTooLarge);
  if (head.websocket && !head.has_body && offer_upgrade()) return;
  phase_ = Phase::kBody;
  if (head.has_body) deadline_in(settings.options.body_timeout);
  if (head.expects_continue && head.has_body && buffer_.empty())
    send_continue();
  else
    advance_body();
}

void HttpConnection::send_continue() {
  phase_ = Phase::kContinue;
  stream_->write(std::array{kContinue}, [self = shared_from_this()](const Status& written) {
    if (self->phase_ != Phase::kContinue) {
      // Refused meanwhile; the answer could not be written while this was.
      if (self->phase_ == Phase::kWriting) self->write_answer();
      return;
    }
    if (!written) return self->close();
    self->phase_ = Phase::kBody;
    self->read_more();
  });
}

void HttpConnection::advance_body() {
  std::size_t consumed = 0;
  const HttpParser::Progress progress = parser_.take_body(buffer_.unread(), consumed);
  buffer_.consume(consumed);
  if (progress == HttpParser::Progress::kRefused)
    refuse(parser_.refusal());
  else if (progress == HttpParser::Progress::kDone)
    dispatch();
  else
    read_more();
}

bool HttpConnection::offer_upgrade() {
  if (owner_.settings().upgrade == nullptr) return false;
  HttpRequest& request = parser_.request();
  request.peer_address = peer_address_;
  bool taken = false;
  const auto take = [this, &taken] {
    taken = true;
    return std::move(stream_);
  };
  if (!owner_.settings().upgrade(request, take, std::string(buffer_.unread())) && !taken)
    return false;
  close();
  return true;
}

void HttpConnection::dispatch() {
  phase_ = Phase::kHandling;
  deadline_ = 0;
  HttpRequest& request = parser_.request();
  request.peer_address = peer_address_;
  head_only_ = request.method == "HEAD";
  ++exchange_;
  owner_.settings().handler(std::move(request),
                            HttpResponder(std::make_shared<HttpResponder::State>(
                                weak_from_this(), owner_.loop(), exchange_)));
}

// ---- Answering ----

void HttpConnection::refuse(const Refusal& why) {
  owner_.refused(parser_.request(), why.status, why.reason);
  const bool interim = phase_ == Phase::kContinue;
  phase_ = Phase::kWriting;
  keep_alive_ = false;
  HttpResponse response = error_response(why.status * 100, why.message);
  out_.clear();
  append_response_head(out_, response, {Framing::kContentLength, false, false});
  out_body_ = std::move(response.body);
  if (parser_.request().method == "HEAD") out_body_.clear();
  deadline_in(kLinger);
  if (!interim) write_answer();
}

void HttpConnection::answer(std::uint64_t exchange, HttpResponse response) {
  if (exchange != exchange_ || phase_ != Phase::kHandling) return;
  keep_alive_ = keep_alive_ && !response.close && !owner_.draining();
  out_.clear();
  append_response_head(out_, response,
                       {Framing::kContentLength, keep_alive_, parser_.head().http_1_0});
  out_body_ = std::move(response.body);
  // RFC 9110 §6.4.1: these never have a body, and a client would take it for the next answer.
  if (head_only_ || response.status == 204 || response.status == 304) out_body_.clear();
  phase_ = Phase::kWriting;
  deadline_in(owner_.settings().options.idle_timeout);
  write_answer();
}

void HttpConnection::write_answer() {
  const std::array<std::string_view, 2> pieces{out_, out_body_};
  stream_->write(
      std::span(pieces).first(out_body_.empty() ? 1 : 2),
      [self = shared_from_this()](const Status& written) { self->answer_written(written); });
}

void HttpConnection::answer_written(const Status& written) {
  if (phase_ == Phase::kClosed) return;
  if (!written)
    close();
  else if (keep_alive_)
    next_request();
  else
    linger();
}

void HttpConnection::next_request() {
  // No header promised it, but a client of keep-alive expects that a connection may end here.
  if (owner_.draining() && buffer_.empty()) return close();
  phase_ = Phase::kHead;
  parser_.reset();
  // A large answer's memory is not kept for the next one.
  out_body_ = std::string();
  head_started_ = false;
  deadline_in(owner_.settings().options.idle_timeout);
  if (buffer_.empty())
    read_more();
  else
    advance_head();
}

void HttpConnection::linger() {
  phase_ = Phase::kLingering;
  deadline_in(kLinger);
  stream_->shutdown_write();
  if (!reading_) {
    buffer_.clear();
    read_more();
  }
}

// ---- Streaming ----

void HttpConnection::stream_begin(std::uint64_t exchange, const HttpResponse& head,
                                  std::function<void()> on_gone) {
  if (exchange != exchange_ || phase_ != Phase::kHandling) {
    if (on_gone != nullptr) owner_.loop()->post(std::move(on_gone));
    return;
  }
  chunked_ = !parser_.head().http_1_0;
  // The read that watches for the peer's end may still be in flight when the stream ends, so no
  // other request follows.
  keep_alive_ = false;
  const Framing framing = chunked_ ? Framing::kChunked : Framing::kUntilClose;
  out_.clear();
  out_body_.clear();
  append_response_head(out_body_, head, {framing, false, false});
  on_gone_ = std::move(on_gone);
  stream_ending_ = false;
  phase_ = Phase::kStreaming;
  flush_stream();
  read_more();
}

bool HttpConnection::streams(std::uint64_t exchange) const {
  return exchange == exchange_ && phase_ == Phase::kStreaming && !stream_ending_;
}

void HttpConnection::stream_write(std::uint64_t exchange, std::string_view chunk) {
  // An empty chunk would end the stream.
  if (!streams(exchange) || chunk.empty() || head_only_) return;
  if (chunked_) {
    std::array<char, 16> size{};
    const auto [end, error] =
        std::to_chars(size.data(), size.data() + size.size(), chunk.size(), 16);
    out_body_.append(size.data(), end).append("\r\n").append(chunk).append("\r\n");
  } else {
    out_body_.append(chunk);
  }
  if (out_.size() + out_body_.size() > kMaxUnsentBytes) {
    owner_.refused({}, 0, "slow_reader");
    close();
    return;
  }
  flush_stream();
}

void HttpConnection::stream_end(std::uint64_t exchange) {
  if (!streams(exchange)) return;
  stream_ending_ = true;
  on_gone_ = nullptr;
  if (chunked_ && !head_only_) out_body_.append(kLastChunk);
  flush_stream();
}

void HttpConnection::flush_stream() {
  if (writing_) return;
  if (out_body_.empty()) {
    deadline_ = 0;
    if (stream_ending_) answer_written({});
    return;
  }
  writing_ = true;
  out_.swap(out_body_);
  deadline_in(owner_.settings().options.idle_timeout);
  stream_->write(std::array{std::string_view(out_)},
                 [self = shared_from_this()](const Status& written) {
                   self->writing_ = false;
                   self->out_.clear();
                   if (self->phase_ != Phase::kStreaming) return;
                   if (written)
                     self->flush_stream();
                   else
                     self->close();
                 });
}

}  // namespace deskwire::net
