#pragma once

#include <string>
#include <string_view>

#include "core/net/http_message.h"

namespace deskwire::publishers {

/// What a request with `Upgrade: websocket` deserves (RFC 6455 §4.2).
struct Handshake {
  int status = 101;         ///< 101, or the status of the refusal: 400, 405, 426.
  std::string_view reason;  ///< Of a refusal.
  std::string response;     ///< The whole 101 head, when status is 101.
};

/// Checks method, Upgrade, Connection, version and key. No subprotocol or extension is chosen.
Handshake check_handshake(const net::HttpRequest& request);

/// `Sec-WebSocket-Accept` for a key.
std::string accept_value(std::string_view key);

/// True when a comma-separated header lists the token, in any case.
bool lists_token(std::string_view header, std::string_view token);

}  // namespace deskwire::publishers
