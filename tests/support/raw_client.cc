#include "tests/support/raw_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <utility>

namespace deskwire::test {

namespace {

constexpr int kPatienceMs = 10000;

bool wait_for(int socket, short events) {
  pollfd entry{socket, events, 0};
  return ::poll(&entry, 1, kPatienceMs) == 1;
}

std::string chunked_body(std::string_view text) {
  std::string body;
  while (true) {
    const std::size_t size = std::strtoul(std::string(text).c_str(), nullptr, 16);
    const std::size_t line = text.find("\r\n");
    if (size == 0 || line == std::string_view::npos) return body;
    body.append(text.substr(line + 2, size));
    text.remove_prefix(line + 2 + size + 2);
  }
}

}  // namespace

bool RawResponse::has_header(std::string_view line) const {
  return head.find("\r\n" + std::string(line) + "\r\n") != std::string::npos;
}

RawClient::RawClient(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    ::close(socket_);
    socket_ = -1;
  }
}

RawClient::~RawClient() {
  if (socket_ >= 0) ::close(socket_);
}

RawClient::RawClient(RawClient&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)),
      received_(std::move(other.received_)),
      ended_(other.ended_),
      clean_end_(other.clean_end_) {}

bool RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    if (!wait_for(socket_, POLLOUT)) return false;
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

void RawClient::shutdown_write() { ::shutdown(socket_, SHUT_WR); }

bool RawClient::receive() {
  if (ended_ || socket_ < 0 || !wait_for(socket_, POLLIN)) return false;
  std::array<char, 65536> buffer{};
  const ssize_t count = ::recv(socket_, buffer.data(), buffer.size(), 0);
  if (count <= 0) {
    ended_ = true;
    clean_end_ = count == 0;
    return false;
  }
  received_.append(buffer.data(), static_cast<std::size_t>(count));
  return true;
}

std::string RawClient::read_until(std::string_view end) {
  std::size_t found = received_.find(end);
  while (found == std::string::npos) {
    if (!receive()) return {};
    found = received_.find(end);
  }
  std::string taken = received_.substr(0, found + end.size());
  received_.erase(0, taken.size());
  return taken;
}

std::string RawClient::read_to_end() {
  while (receive()) {
  }
  return std::exchange(received_, {});
}

RawResponse RawClient::response(bool to_head) {
  RawResponse response;
  response.head = read_until("\r\n\r\n");
  if (response.head.size() < 12) return response;
  const int status = std::atoi(response.head.c_str() + 9);
  constexpr std::string_view kLength = "\r\nContent-Length: ";
  const std::size_t length = response.head.find(kLength);
  if (response.has_header("Transfer-Encoding: chunked") && !to_head) {
    response.body = chunked_body(read_until("0\r\n\r\n"));
  } else if (length != std::string::npos && !to_head) {
    const std::size_t size =
        std::strtoul(response.head.c_str() + length + kLength.size(), nullptr, 10);
    while (received_.size() < size)
      if (!receive()) return response;
    response.body = received_.substr(0, size);
    received_.erase(0, size);
  }
  response.status = status;
  return response;
}

}  // namespace deskwire::test
