#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/net/tcp_stream.h"

namespace deskwire::net {

/// "127.0.0.1:8080" or "[::1]:8080" taken apart. `localhost` stands for 127.0.0.1: a name that
/// has to be looked up could bind somewhere else than it says.
struct ListenAddress {
  std::string host;  ///< Without brackets.
  std::uint16_t port = 0;
  bool ipv6 = false;
};

/// @errors kInvalid: not a numeric address with a port.
Result<ListenAddress> parse_listen_address(std::string_view text);

/// A listening TCP socket on a loop.
///
/// Thread safety: bind() and port() anywhere, the rest on the loop's thread.
class Listener {
 public:
  using AcceptCallback = std::function<void(FileDescriptor socket, Peer peer)>;

  /// Binds and listens, or takes the inherited socket of that address (inherited_sockets.h);
  /// connections queue in the system until start().
  ///
  /// @param key  The config key to name in errors ("receiver.listen").
  /// @errors kInvalid: the address cannot be parsed.
  ///         kConflict: it is in use, or may not be bound.
  static Result<std::unique_ptr<Listener>> bind(std::string_view address, std::string_view key);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  std::uint16_t port() const { return port_; }
  void start(std::shared_ptr<IoLoop> loop, AcceptCallback accepted);
  void close();

 private:
  class Acceptor;
  Listener(FileDescriptor socket, std::uint16_t port);

  FileDescriptor socket_;
  std::uint16_t port_;
  std::shared_ptr<Acceptor> acceptor_;
};

}  // namespace deskwire::net
