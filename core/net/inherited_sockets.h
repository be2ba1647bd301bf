#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/net/listener.h"
#include "core/net/tcp_stream.h"
#include "core/result.h"

namespace deskwire::net {

/// Listening sockets that the service manager opened and holds across our restarts (systemd socket
/// activation, sd_listen_fds(3)): from descriptor 3 on, as many as LISTEN_FDS says, when LISTEN_PID
/// is this process. While one process ends and the next one starts, connections queue in the
/// socket, and none is refused.
///
/// To be called once at the start of the process, before another process is started: it sets
/// close-on-exec. From then on Listener::bind takes a socket of the same address instead of making
/// one.
///
/// @return  Their addresses ("127.0.0.1:8080"); empty when there are none.
/// @errors  kInvalid: LISTEN_FDS is no number, or a descriptor is no listening TCP socket.
Result<std::vector<std::string>> adopt_inherited_sockets();

/// The adopted socket that listens on this address, once. Thread-safe.
std::optional<FileDescriptor> take_inherited_socket(const ListenAddress& address);

}  // namespace deskwire::net
