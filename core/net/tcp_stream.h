#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "core/net/io_loop.h"
#include "core/net/stream.h"

namespace deskwire::net {

/// Owns a file descriptor.
class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor();
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&&) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

/// Where a connection comes from.
struct Peer {
  std::string address;  ///< Without port.
  bool ipv6 = false;
};

/// A stream over an accepted socket. Call it on the loop's thread.
///
/// @param occupied  Kept as long as the stream exists, also by whom it is handed to: counts it.
/// @errors kUnavailable: the system refuses to watch the socket.
Result<std::unique_ptr<Stream>> make_tcp_stream(std::shared_ptr<IoLoop> loop, FileDescriptor socket,
                                                Peer peer, std::shared_ptr<void> occupied);

}  // namespace deskwire::net
