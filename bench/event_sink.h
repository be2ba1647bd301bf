#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace deskwire::bench {

/// WebSocket clients that subscribe to every conversation of a run and report each event's text.
/// Speaks the plain protocol, or Socket.IO v4 over Engine.IO 4 (`socket_io`) for the peer stack.
class EventSink {
 public:
  struct Options {
    std::uint16_t port = 0;
    std::string token;
    bool socket_io = false;
    std::size_t sockets = 10;
    std::size_t conversations = 100;
  };
  using OnText = std::function<void(std::string_view text, std::int64_t at_ns)>;

  EventSink(Options options, OnText on_text);
  ~EventSink();
  EventSink(const EventSink&) = delete;
  EventSink& operator=(const EventSink&) = delete;

  /// Connects, subscribes and waits for every confirmation. False: not all came within 10 s.
  bool open();
  const std::vector<int>& descriptors() const { return descriptors_; }
  /// Reads what is there on the socket; calls on_text for each text frame.
  void readable(int fd);

 private:
  struct Socket {
    int fd = -1;
    bool upgraded = false;
    std::string buffer;
  };
  void on_frame(Socket& socket, std::string_view text);
  void send_text(const Socket& socket, std::string_view text) const;
  void subscribe(Socket& socket);

  Options options_;
  OnText on_text_;
  std::vector<Socket> sockets_;
  std::vector<int> descriptors_;
  std::size_t confirmed_ = 0;
};

}  // namespace deskwire::bench
