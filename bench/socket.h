#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace deskwire::bench {

/// A connected, non-blocking loopback TCP socket, or -1 with errno. The instruments use bare
/// sockets and epoll so that their own cost stays far below what they measure.
int connect_loopback(std::uint16_t port);

/// Writes all of it, waiting for room when the kernel's buffer is full. False: the peer has gone.
bool write_all(int fd, std::string_view data);

/// Monotonic nanoseconds.
std::int64_t now_ns();

}  // namespace deskwire::bench
