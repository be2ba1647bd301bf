#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "core/net/http_message.h"

namespace deskwire::net {

/// Why a request is refused before any handler sees it.
struct Refusal {
  int status = 0;
  std::string_view reason;   ///< For metrics: "head_too_large".
  std::string_view message;  ///< For the sender.
};

/// Takes requests off a connection, one at a time. Hides Beast's parser and adds what it leaves to
/// its callers: RFC 9112 shapes on which two parsers may disagree (smuggling) are refused, never
/// repaired.
class HttpParser {
 public:
  struct Limits {
    std::size_t head_bytes = 16384;
    std::size_t body_bytes = 1U << 20U;
  };
  enum class Progress { kNeedMore, kDone, kRefused };
  /// What of the head decides about the connection.
  struct Head {
    bool keep_alive = true;
    bool http_1_0 = false;
    bool expects_continue = false;
    bool has_body = false;
    bool websocket = false;  ///< Asks for an upgrade to WebSocket.
    bool body_too_large = false;
    std::size_t hosts = 0;       ///< How many Host headers there are.
    std::string_view host;       ///< Of the head, valid until the request is moved.
    std::string_view authority;  ///< Of a target in absolute form, else empty.
  };

  explicit HttpParser(Limits limits);
  ~HttpParser();
  HttpParser(const HttpParser&) = delete;
  HttpParser& operator=(const HttpParser&) = delete;

  /// Forgets the last request; the next bytes begin another one.
  void reset();

  /// Looks for a whole head at the beginning of `unread`, which must begin with what the last call
  /// left over.
  /// @param consumed  Set to the bytes that are done with, whatever the answer is.
  Progress take_head(std::string_view unread, std::size_t& consumed);
  /// Takes what it can of the body.
  Progress take_body(std::string_view unread, std::size_t& consumed);

  const Head& head() const;
  const Refusal& refusal() const;
  HttpRequest& request();

 private:
  class Message;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace deskwire::net
