#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/clock.h"
#include "core/result.h"

namespace deskwire::publishers {

/// `deskwire serve --echo ADDRESS`: a WebSocket echo through the same connection and codec as the
/// gateway's sessions, for public conformance suites. Any path, no token; text comes back as text,
/// binary as binary, messages up to 16 MiB.
///
/// Thread safety: start and stop from one thread; port() from any.
class EchoServer {
 public:
  /// @param listen  "127.0.0.1:9001"; port 0 picks a free one.
  EchoServer(const std::string& listen, const Clock& clock);
  ~EchoServer();  ///< Calls stop().
  EchoServer(const EchoServer&) = delete;
  EchoServer& operator=(const EchoServer&) = delete;

  /// @errors as HttpServer::start; kInvalid: not a loopback address.
  Status start();
  void stop();
  std::uint16_t port() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace deskwire::publishers
