#include "core/redis/redis_url.h"

#include <charconv>
#include <optional>

#include "core/hash.h"

namespace deskwire::redis {
namespace {

/// sockaddr_un::sun_path with its closing NUL.
constexpr std::size_t kMaxSocketPath = 107;
constexpr int kMaxDatabase = 65535;
constexpr std::uint16_t kSentinelPort = 26379;

tl::unexpected<Error> refuse(const std::string& cause) {
  return fail(ErrorCode::kInvalid,
              "redis url: " + cause +
                  "; expected redis://[[user]:password@]host[:port][/database], "
                  "unix://[[user]:password@]/path[?db=N] or "
                  "redis+sentinel://[[user]:password@]host[:port][,host[:port]…]/master-name"
                  "[/database]");
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    if (i + 3 > text.size()) return std::nullopt;
    const auto byte = hex_decode(text.substr(i + 1, 2));
    // A NUL would end the name early in every C interface below us.
    if (!byte || (*byte)[0] == '\0') return std::nullopt;
    out += *byte;
    i += 2;
  }
  return out;
}

std::optional<int> parse_number(std::string_view text, int least, int most) {
  int value = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stopped != end || value < least || value > most) return std::nullopt;
  return value;
}

/// Takes `[[user]:password@]` off the front of `rest`.
Status take_login(std::string_view& rest, std::string_view end_of_authority, Endpoint& endpoint) {
  const std::string_view authority = rest.substr(0, rest.find_first_of(end_of_authority));
  const std::size_t at = authority.rfind('@');
  if (at == std::string_view::npos) return {};
  const std::string_view login = authority.substr(0, at);
  const std::size_t colon = login.find(':');
  if (colon == std::string_view::npos) return refuse("a user without a password");
  auto user = percent_decode(login.substr(0, colon));
  auto password = percent_decode(login.substr(colon + 1));
  if (!user || !password) return refuse("a broken percent-escape in the login");
  endpoint.user = std::move(*user);
  endpoint.password = std::move(*password);
  rest.remove_prefix(at + 1);
  return {};
}

Status parse_database(std::string_view text, Endpoint& endpoint) {
  const auto database = parse_number(text, 0, kMaxDatabase);
  if (!database) return refuse("the database is not a number from 0 on");
  endpoint.database = *database;
  return {};
}

/// `host[:port]` or `[v6][:port]`.
Result<Address> parse_address(std::string_view text, std::uint16_t default_port) {
  std::string_view host;
  if (!text.empty() && text.front() == '[') {  // [::1]:6379
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return refuse("'[' without ']' in the host");
    host = text.substr(1, close - 1);
    text.remove_prefix(close + 1);
    if (!text.empty() && text.front() != ':') return refuse("text after ']' in the host");
  } else {
    host = text.substr(0, text.find(':'));
    text.remove_prefix(host.size());
  }
  auto decoded = percent_decode(host);
  if (!decoded || decoded->empty()) return refuse("the host is missing or broken");
  Address address{std::move(*decoded), default_port};
  if (!text.empty()) {
    const auto port = parse_number(text.substr(1), 1, 65535);
    if (!port) return refuse("the port is not in 1..65535");
    address.port = static_cast<std::uint16_t>(*port);
  }
  return address;
}

Result<Endpoint> parse_tcp(std::string_view rest) {
  Endpoint endpoint;
  if (auto login = take_login(rest, "/", endpoint); !login) return fail(std::move(login.error()));
  const std::size_t slash = rest.find('/');
  if (slash != std::string_view::npos && slash + 1 < rest.size()) {
    if (auto database = parse_database(rest.substr(slash + 1), endpoint); !database) {
      return fail(std::move(database.error()));
    }
  }
  auto address = parse_address(rest.substr(0, slash), endpoint.port);
  if (!address) return fail(std::move(address.error()));
  endpoint.host = std::move(address->host);
  endpoint.port = address->port;
  return endpoint;
}

Result<Endpoint> parse_sentinels(std::string_view rest) {
  Endpoint endpoint;
  if (auto login = take_login(rest, "/", endpoint); !login) return fail(std::move(login.error()));
  const std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return refuse("the master's name is missing");
  std::string_view addresses = rest.substr(0, slash);
  std::string_view path = rest.substr(slash + 1);
  while (true) {
    const std::size_t comma = addresses.find(',');
    auto address = parse_address(addresses.substr(0, comma), kSentinelPort);
    if (!address) return fail(std::move(address.error()));
    endpoint.sentinels.push_back(std::move(*address));
    if (comma == std::string_view::npos) break;
    addresses.remove_prefix(comma + 1);
  }
  if (endpoint.sentinels.size() > kMaxSentinels) {
    return refuse("more than " + std::to_string(kMaxSentinels) + " sentinels");
  }
  const std::size_t end = path.find('/');
  auto name = percent_decode(path.substr(0, end));
  if (!name || name->empty()) return refuse("the master's name is missing or broken");
  endpoint.master_name = std::move(*name);
  if (end != std::string_view::npos && end + 1 < path.size()) {
    if (auto database = parse_database(path.substr(end + 1), endpoint); !database) {
      return fail(std::move(database.error()));
    }
  }
  return endpoint;
}

Result<Endpoint> parse_unix(std::string_view rest) {
  Endpoint endpoint;
  if (auto login = take_login(rest, "/?", endpoint); !login) return fail(std::move(login.error()));
  const std::size_t query = rest.find('?');
  auto path = percent_decode(rest.substr(0, query));
  if (!path || path->empty() || path->front() != '/') return refuse("no absolute socket path");
  if (path->size() > kMaxSocketPath) {
    return refuse("the socket path is longer than " + std::to_string(kMaxSocketPath) + " bytes");
  }
  endpoint.socket_path = std::move(*path);
  if (query == std::string_view::npos) return endpoint;
  static constexpr std::string_view kDatabase = "db=";
  const std::string_view parameters = rest.substr(query + 1);
  if (parameters.substr(0, kDatabase.size()) != kDatabase) return refuse("an unknown parameter");
  if (auto database = parse_database(parameters.substr(kDatabase.size()), endpoint); !database) {
    return fail(std::move(database.error()));
  }
  return endpoint;
}

}  // namespace

std::string Address::display() const {
  const bool ipv6 = host.find(':') != std::string::npos;
  return (ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::string Endpoint::display() const {
  const std::string suffix = std::to_string(database);
  if (!socket_path.empty()) {
    return "unix://" + socket_path + (database != 0 ? "?db=" + suffix : std::string());
  }
  std::string text;
  for (const Address& sentinel : sentinels) {
    text.append(text.empty() ? "redis+sentinel://" : ",").append(sentinel.display());
  }
  if (sentinels.empty()) {
    text = "redis://" + Address{host, port}.display();
  } else {
    text += "/" + master_name;
  }
  return text + (database != 0 ? "/" + suffix : std::string());
}

Endpoint Endpoint::sentinel(std::size_t index) const {
  Endpoint one;
  one.host = sentinels.at(index).host;
  one.port = sentinels.at(index).port;
  one.user = sentinel_user;
  one.password = sentinel_password;
  return one;
}

Result<Endpoint> parse_redis_url(std::string_view url) {
  static constexpr std::string_view kTcp = "redis://";
  static constexpr std::string_view kTls = "rediss://";
  static constexpr std::string_view kUnix = "unix://";
  static constexpr std::string_view kSentinel = "redis+sentinel://";
  if (url.starts_with(kTcp)) return parse_tcp(url.substr(kTcp.size()));
  if (url.starts_with(kUnix)) return parse_unix(url.substr(kUnix.size()));
  if (url.starts_with(kSentinel)) return parse_sentinels(url.substr(kSentinel.size()));
  if (url.starts_with(kTls)) {
    return fail(ErrorCode::kUnsupported,
                "redis url: rediss:// needs a hiredis with TLS; use redis:// through a tunnel");
  }
  return refuse("the scheme is none of redis://, unix://, redis+sentinel://");
}

}  // namespace deskwire::redis
