#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/net/http_parser.h"
#include "core/net/http_server.h"
#include "core/net/read_buffer.h"

namespace deskwire::net {

class HttpConnections;

/// One connection of an HttpServer: a state machine over any Stream.
///
///   head ──► (continue ──►) body ──► handling ──► writing ──► head (keep-alive) or lingering
///     │                      │            └──► streaming ────┘
///     └── refused ───────────┴──► writing ──► lingering ──► closed
///
/// One request at a time: what is pipelined waits in the read buffer, so that answers keep the
/// order of the requests. Lingering reads on for a while after the last answer, because closing
/// with unread bytes would reset the connection and take the answer from the peer.
///
/// Thread safety: the loop's thread only. Callbacks in flight and its HttpConnections own it.
class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(HttpConnections& owner, std::unique_ptr<Stream> stream);

  void start();
  void close();
  /// Closes if it is idle between requests; else the next answer is the last.
  void drain();
  /// Whether what it waits for should have come before this tick of the owner.
  bool overdue(std::uint64_t tick) const { return deadline_ != 0 && tick >= deadline_; }
  void deadline_passed();

  /// From responders. `exchange` says which request they belong to; a late one is ignored.
  void answer(std::uint64_t exchange, HttpResponse response);
  void stream_begin(std::uint64_t exchange, const HttpResponse& head,
                    std::function<void()> on_gone);
  void stream_write(std::uint64_t exchange, std::string_view chunk);
  void stream_end(std::uint64_t exchange);

 private:
  enum class Phase : std::uint8_t {
    kHead,
    kContinue,
    kBody,
    kHandling,
    kWriting,
    kStreaming,
    kLingering,
    kClosed
  };

  void advance();
  void advance_head();
  void head_done();
  void advance_body();
  void send_continue();
  bool offer_upgrade();
  void dispatch();
  void next_request();
  void linger();

  void read_more();
  void bytes_arrived(const Result<std::size_t>& count);
  void peer_finished();
  void refuse(const Refusal& why);
  void send(HttpResponse response);
  void write_answer();
  void answer_written(const Status& written);
  void flush_stream();
  void deadline_in(Milliseconds time);
  bool streams(std::uint64_t exchange) const;

  HttpConnections& owner_;
  std::unique_ptr<Stream> stream_;
  std::string peer_address_;
  HttpParser parser_;
  ReadBuffer buffer_;
  Phase phase_ = Phase::kHead;
  bool reading_ = false;  // A read is in flight; the buffer must stay where it is.
  bool peer_finished_ = false;
  bool head_started_ = false;
  bool keep_alive_ = true;  // After the answer at hand.
  std::uint64_t exchange_ = 0;
  std::uint64_t deadline_ = 0;  // A tick of the owner; 0: none.

  std::string out_;       // Head of the answer, or the stream's bytes in flight.
  std::string out_body_;  // Body of the answer, or the stream's bytes that wait.
  bool head_only_ = false;
  bool chunked_ = false;
  bool writing_ = false;
  bool stream_ending_ = false;
  std::function<void()> on_gone_;
  std::size_t discarded_ = 0;
};

}  // namespace deskwire::net
