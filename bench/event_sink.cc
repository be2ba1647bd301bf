#include "bench/event_sink.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <iostream>

#include "bench/socket.h"

namespace deskwire::bench {
namespace {

constexpr std::string_view kKey = "dGhlIHNhbXBsZSBub25jZQ==";  // RFC 6455 §1.3's example

}  // namespace

EventSink::EventSink(Options options, OnText on_text)
    : options_(std::move(options)), on_text_(std::move(on_text)) {}

EventSink::~EventSink() {
  for (const Socket& socket : sockets_) ::close(socket.fd);
}

bool EventSink::open() {
  sockets_.resize(options_.sockets);
  const std::string target = options_.socket_io ? "/socket.io/?EIO=4&transport=websocket"
                                                : "/v1/ws?token=" + options_.token;
  for (Socket& socket : sockets_) {
    socket.fd = connect_loopback(options_.port);
    if (socket.fd < 0) return false;
    write_all(socket.fd, "GET " + target +
                             " HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                             "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                             "Sec-WebSocket-Key: " +
                             std::string(kKey) + "\r\n\r\n");
    descriptors_.push_back(socket.fd);
  }
  const std::int64_t deadline = now_ns() + 10'000'000'000;
  while (confirmed_ < options_.conversations && now_ns() < deadline) {
    std::vector<pollfd> waiting;
    for (const Socket& socket : sockets_) waiting.push_back({socket.fd, POLLIN, 0});
    ::poll(waiting.data(), waiting.size(), 100);
    for (const pollfd& entry : waiting) {
      if (entry.revents != 0) readable(entry.fd);
    }
  }
  return confirmed_ >= options_.conversations;
}

void EventSink::readable(int fd) {
  Socket* found = nullptr;
  for (Socket& socket : sockets_) {
    if (socket.fd == fd) found = &socket;
  }
  if (found == nullptr) return;
  std::array<char, 65536> chunk{};
  const ssize_t got = ::recv(fd, chunk.data(), chunk.size(), 0);
  if (got <= 0) return;
  found->buffer.append(chunk.data(), static_cast<std::size_t>(got));
  std::string_view rest = found->buffer;
  if (!found->upgraded) {
    const std::size_t end = rest.find("\r\n\r\n");
    if (end == std::string_view::npos) return;
    if (!rest.starts_with("HTTP/1.1 101")) {
      std::cerr << "bench: upgrade refused: " << rest.substr(0, rest.find('\r')) << '\n';
      return;
    }
    found->upgraded = true;
    rest.remove_prefix(end + 4);
  }
  while (rest.size() >= 2) {
    std::size_t length = static_cast<unsigned char>(rest[1]) & 127U;
    std::size_t head = 2;
    if (length == 126) head = 4;
    if (length == 127) head = 10;
    if (rest.size() < head) break;
    if (head > 2) {
      length = 0;
      for (std::size_t i = 2; i < head; ++i) {
        length = length * 256 + static_cast<unsigned char>(rest[i]);
      }
    }
    if (rest.size() < head + length) break;
    if ((static_cast<unsigned char>(rest[0]) & 15U) == 1U) {
      on_frame(*found, rest.substr(head, length));
    }
    rest.remove_prefix(head + length);
  }
  found->buffer.erase(0, found->buffer.size() - rest.size());
}

void EventSink::on_frame(Socket& socket, std::string_view text) {
  if (options_.socket_io) {
    if (text.starts_with("0")) send_text(socket, "40");  // Engine.IO open: connect the namespace
    if (text == "2") send_text(socket, "3");             // ping, pong
    if (text.starts_with("40")) subscribe(socket);
    if (text.starts_with("43")) ++confirmed_;  // acknowledgement of a subscription
    if (text.starts_with("42")) on_text_(text, now_ns());
    return;
  }
  if (text.starts_with(R"({"id":0,"ok")")) {
    subscribe(socket);
  } else if (text.find(R"("ok":{"channel")") != std::string_view::npos) {
    ++confirmed_;
  } else if (text.starts_with(R"({"push")")) {
    on_text_(text, now_ns());
  }
}

void EventSink::send_text(const Socket& socket, std::string_view text) const {
  std::string frame = "\x81";
  if (text.size() < 126) {
    frame += static_cast<char>(0x80U | text.size());
  } else {
    frame += static_cast<char>(0xFEU);
    frame += static_cast<char>(text.size() >> 8U);
    frame += static_cast<char>(text.size() & 255U);
  }
  frame.append(4, '\0');  // A mask of zeros is a valid mask, and free.
  frame += text;
  write_all(socket.fd, frame);
}

void EventSink::subscribe(Socket& socket) {
  const auto self = static_cast<std::size_t>(&socket - sockets_.data());
  for (std::size_t i = self; i < options_.conversations; i += options_.sockets) {
    const std::string id = std::to_string(i + 1);
    const std::string channel = "conversation:" + std::to_string(100000 + i);
    send_text(socket, options_.socket_io
                          ? "42" + id + R"(["subscribe",")" + channel + R"("])"
                          : R"({"id":)" + id + R"(,"subscribe":{"channel":")" + channel + R"("}})");
  }
}

}  // namespace deskwire::bench
