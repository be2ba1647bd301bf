#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace deskwire::redis {

struct Address {
  std::string host;
  std::uint16_t port = 0;

  std::string display() const;  ///< "host:port" or "[v6]:port".
};

/// Where a Redis is and how to log in.
struct Endpoint {
  std::string host;  ///< Empty for a Unix socket and where sentinels know it.
  std::uint16_t port = 6379;
  std::string socket_path;  ///< Empty for TCP.
  std::string user;
  std::string password;
  int database = 0;

  /// They are asked which address is the master's at every connect; empty: the address above is.
  std::vector<Address> sentinels;
  std::string master_name;        ///< Under which the sentinels know the master.
  std::string sentinel_user;      ///< The sentinels' own login; not part of the URL.
  std::string sentinel_password;  ///< Empty: they ask for none.

  /// Without user and password, for logs and errors.
  std::string display() const;
  /// That sentinel as a server of its own, with the sentinels' login.
  Endpoint sentinel(std::size_t index) const;
};

/// Most sentinels in a URL.
inline constexpr std::size_t kMaxSentinels = 16;

/// `redis://[[user]:password@]host[:port][/database]`,
/// `unix://[[user]:password@]/path/to.sock[?db=N]` or
/// `redis+sentinel://[[user]:password@]host[:port][,host[:port]…]/master-name[/database]`, whose
/// login is the master's. Percent-escapes are decoded.
/// @errors kInvalid: not of that form. kUnsupported: `rediss://` (needs a hiredis with TLS).
Result<Endpoint> parse_redis_url(std::string_view url);

}  // namespace deskwire::redis
