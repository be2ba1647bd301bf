#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"

namespace deskwire::redis {

/// Where a Redis is and how to log in.
struct Endpoint {
  std::string host;  ///< Empty for a Unix socket.
  std::uint16_t port = 6379;
  std::string socket_path;  ///< Empty for TCP.
  std::string user;
  std::string password;
  int database = 0;

  /// Without user and password, for logs and errors.
  std::string display() const;
};

/// `redis://[[user]:password@]host[:port][/database]` or
/// `unix://[[user]:password@]/path/to.sock[?db=N]`. Percent-escapes are decoded.
/// @errors kInvalid: not of that form. kUnsupported: `rediss://` (needs a hiredis with TLS).
Result<Endpoint> parse_redis_url(std::string_view url);

}  // namespace deskwire::redis
