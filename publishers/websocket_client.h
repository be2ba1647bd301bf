#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/net/http_message.h"
#include "core/result.h"
#include "publishers/websocket_codec.h"

namespace deskwire::publishers {

/// A small blocking WebSocket client over plain TCP, for the CLI and tests.
///
/// Thread safety: one thread.
class WebSocketClient {
 public:
  struct Options {
    net::Headers headers;        ///< Sent with the handshake: Authorization, Origin.
    Milliseconds timeout{5000};  ///< For connecting and for the handshake.
    std::size_t max_message_bytes = 32U << 20U;
  };

  /// @param url  ws://host:port/path?query
  /// @errors kInvalid: not such a URL. kUnavailable: nobody listens. kTimeout. kDenied: the server
  ///         refused the upgrade (message: its status). kCorrupt: it is no WebSocket server.
  static Result<WebSocketClient> connect(std::string_view url, const Options& options);
  ~WebSocketClient();
  WebSocketClient(WebSocketClient&&) noexcept;
  WebSocketClient& operator=(WebSocketClient&&) noexcept;

  Status send_text(std::string_view text) { return send(Opcode::kText, text); }
  Status send(Opcode opcode, std::string_view payload);
  /// Bytes as they are, to test a server with bad frames.
  Status send_raw(std::string_view bytes);
  /// The next message or close frame; pings are answered on the way. After a close frame the
  /// connection is over.
  /// @return nullopt when the time is over.
  /// @errors kUnavailable: the connection is gone. kCorrupt: a frame that no server may send.
  Result<std::optional<WireMessage>> receive(Milliseconds timeout);
  /// Close frame, then the socket.
  void close(std::uint16_t code = 1000);

 private:
  struct Impl;
  explicit WebSocketClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace deskwire::publishers
