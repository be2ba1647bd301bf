#include "publishers/websocket_handshake.h"

#include <algorithm>
#include <cctype>

#include "core/hash.h"

namespace deskwire::publishers {

namespace {

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::size_t kKeyBytes = 16;

bool equal_any_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::string accept_value(std::string_view key) {
  return base64_encode(digest(HashAlgorithm::kSha1, std::string(key) + std::string(kGuid)));
}

bool lists_token(std::string_view header, std::string_view token) {
  while (!header.empty()) {
    const std::size_t comma = std::min(header.find(','), header.size());
    if (equal_any_case(trimmed(header.substr(0, comma)), token)) return true;
    header.remove_prefix(std::min(comma + 1, header.size()));
  }
  return false;
}

Handshake check_handshake(const net::HttpRequest& request) {
  if (request.method != "GET") return {405, "a WebSocket handshake is a GET", {}};
  if (!lists_token(request.header("Upgrade"), "websocket") ||
      !lists_token(request.header("Connection"), "upgrade")) {
    return {400, "no WebSocket upgrade", {}};
  }
  if (trimmed(request.header("Sec-WebSocket-Version")) != "13") {
    return {426, "only WebSocket version 13 is spoken here", {}};
  }
  const std::string_view key = trimmed(request.header("Sec-WebSocket-Key"));
  const auto nonce = base64_decode(key);
  if (request.header_count("Sec-WebSocket-Key") != 1 || !nonce || nonce->size() != kKeyBytes) {
    return {400, "bad Sec-WebSocket-Key", {}};
  }
  Handshake handshake;
  handshake.response =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: " +
      accept_value(key) + "\r\n\r\n";
  return handshake;
}

}  // namespace deskwire::publishers
