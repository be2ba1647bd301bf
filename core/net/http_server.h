#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/net/http_message.h"
#include "core/net/stream.h"

namespace deskwire::net {

class TlsContext;

/// Answers exactly one request. Movable to any thread; answering twice is ignored, and one that is
/// destroyed unanswered sends 500. After `stream_*` the answer stays open (SSE).
class HttpResponder {
 public:
  struct State;
  explicit HttpResponder(std::shared_ptr<State> state);
  void send(HttpResponse response) const;
  /// Sends the head with `Transfer-Encoding: chunked`; then any number of stream_write, until
  /// stream_end. `on_gone` runs on the loop thread when the peer has gone.
  void stream_begin(HttpResponse head, std::function<void()> on_gone) const;
  void stream_write(std::string chunk) const;
  void stream_end() const;
  /// The connection's loop: work posted there runs in order with the connection's callbacks.
  Loop& loop() const;

 private:
  std::shared_ptr<State> state_;
};

/// One HTTP/1.1 server for all three doors, asynchronous: a slow peer costs a socket, no thread.
///
/// Hardened by construction: total deadlines for head and body (408), limits for head (431) and
/// body (413, also chunked), Host allow-list (403), bounded connections (the newest is closed),
/// keep-alive with an idle timeout, listen backlog 1024, TCP_NODELAY. Request smuggling shapes
/// (both lengths, bad chunks, obsolete folding) are 400 and close.
class HttpServer {
 public:
  struct Options {
    std::string name = "http";  ///< For threads and logs: "http-0", …
    std::string listen;         ///< "127.0.0.1:8080", "[::1]:8080"; port 0 picks a free one.
    std::string listen_key = "listen";  ///< Config key that errors name: "receiver.listen".
    std::vector<std::string> hosts;  ///< Allowed Host values, without port, any case; empty: only
                                     ///< localhost, 127.0.0.1, [::1] and the listen address.
    int threads = 1;
    std::size_t max_head_bytes = 16384;
    std::size_t max_body_bytes = 1U << 20U;
    Milliseconds head_timeout{2000};
    Milliseconds body_timeout{10000};
    Milliseconds idle_timeout{60000};
    std::size_t max_connections = 20000;
    std::shared_ptr<TlsContext> tls;  ///< Null: plain HTTP.
  };
  /// Runs on the connection's loop thread and must not block; answer now or later.
  using Handler = std::function<void(HttpRequest&&, HttpResponder)>;
  /// Offered every request with `Upgrade: websocket` before the handler. Takes the stream and the
  /// bytes read beyond the head. Returns false to leave it to the handler (stream untouched).
  using UpgradeHandler =
      std::function<bool(HttpRequest& request, const std::function<std::unique_ptr<Stream>()>& take,
                         std::string leftover)>;
  /// Result of refused requests for metrics: what is known of the request (nothing where its head
  /// was not read), status and a short reason ("head_timeout"). Status 0: closed without an answer
  /// ("too_many_connections", "slow_reader"). On a loop's thread.
  using RefusedHook =
      std::function<void(const HttpRequest& so_far, int status, std::string_view reason)>;

  HttpServer(Options options, Handler handler, UpgradeHandler upgrade = nullptr,
             RefusedHook refused = nullptr);
  ~HttpServer();  ///< Calls stop().
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Binds and starts the threads. A server starts once.
  /// @errors kConflict: the address is in use, or may not be bound (message names it and the key);
  ///         or it was started before.
  ///         kInvalid: the address cannot be parsed.
  ///         kCancelled: stop() came first.
  ///         kUnavailable: the system gives no thread or descriptor.
  Status start();
  /// No new connections; of those accepted, requests being answered and the first ones of new
  /// connections may finish until `grace` is over. Blocks until then. Streams taken by the upgrade
  /// handler are not waited for.
  void drain(Milliseconds grace);
  /// Closes everything, also the streams taken by the upgrade handler, and joins. Twice, unstarted,
  /// while starting: fine. Never from a loop's thread.
  void stop();

  std::uint16_t port() const;       ///< 0 before start().
  std::vector<Loop*> loops();       ///< Alive as long as the server; tasks wait for start().
  std::size_t connections() const;  ///< Open sockets, those of upgraded streams too.

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace deskwire::net
