#include "core/net/inherited_sockets.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

#include "core/mutex.h"

namespace deskwire::net {
namespace {

constexpr int kFirst = 3;  // SD_LISTEN_FDS_START
constexpr int kMost = 64;

struct Inherited {
  ListenAddress address;
  FileDescriptor socket;
};

struct Registry {
  Mutex mutex;
  std::vector<Inherited> sockets DW_GUARDED_BY(mutex);
};

Registry& registry() {
  static Registry instance;
  return instance;
}

std::optional<int> number_in(const char* variable) {
  const char* text = std::getenv(variable);
  if (text == nullptr) return std::nullopt;
  const std::string_view value(text);
  int number = -1;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  return error == std::errc() && end == value.data() + value.size() ? number : -1;
}

/// Where a listening TCP socket listens; nullopt for any other descriptor.
std::optional<ListenAddress> listens_on(int fd) {
  int listening = 0;
  socklen_t size = sizeof listening;
  if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || listening == 0) {
    return std::nullopt;
  }
  sockaddr_storage storage{};
  size = sizeof storage;
  // The socket calls are declared for the common prefix of all address types.
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return std::nullopt;
  std::array<char, INET6_ADDRSTRLEN> text{};
  ListenAddress address;
  if (storage.ss_family == AF_INET6) {
    sockaddr_in6 typed{};
    std::memcpy(&typed, &storage, sizeof typed);
    ::inet_ntop(AF_INET6, &typed.sin6_addr, text.data(), text.size());
    address = {text.data(), ntohs(typed.sin6_port), true};
  } else if (storage.ss_family == AF_INET) {
    sockaddr_in typed{};
    std::memcpy(&typed, &storage, sizeof typed);
    ::inet_ntop(AF_INET, &typed.sin_addr, text.data(), text.size());
    address = {text.data(), ntohs(typed.sin_port), false};
  } else {
    return std::nullopt;
  }
  return address;
}

std::string display(const ListenAddress& address) {
  return (address.ipv6 ? "[" + address.host + "]" : address.host) + ":" +
         std::to_string(address.port);
}

bool same(const ListenAddress& a, const ListenAddress& b) {
  if (a.port != b.port || a.ipv6 != b.ipv6) return false;
  // Compared as bytes: one IPv6 address has many spellings.
  in6_addr left{};
  in6_addr right{};
  const int family = a.ipv6 ? AF_INET6 : AF_INET;
  return ::inet_pton(family, a.host.c_str(), &left) == 1 &&
         ::inet_pton(family, b.host.c_str(), &right) == 1 &&
         std::memcmp(&left, &right, sizeof left) == 0;
}

}  // namespace

Result<std::vector<std::string>> adopt_inherited_sockets() {
  // Not for us: the variables came down from an ancestor that they were meant for.
  if (number_in("LISTEN_PID") != static_cast<int>(::getpid())) return std::vector<std::string>();
  const int count = number_in("LISTEN_FDS").value_or(0);
  if (count < 0 || count > kMost) {
    return fail(ErrorCode::kInvalid, "adopt sockets: LISTEN_FDS is not 0..64");
  }
  std::vector<std::string> addresses;
  for (int fd = kFirst; fd < kFirst + count; ++fd) {
    auto address = listens_on(fd);
    if (!address) {
      return fail(ErrorCode::kInvalid, "adopt sockets: descriptor " + std::to_string(fd) +
                                           " is no listening TCP socket; the socket unit needs "
                                           "ListenStream=ADDRESS:PORT and Accept=no");
    }
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    addresses.push_back(display(*address));
    const MutexLock lock(registry().mutex);
    registry().sockets.push_back({std::move(*address), FileDescriptor(fd)});
  }
  for (const char* variable : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) ::unsetenv(variable);
  return addresses;
}

std::optional<FileDescriptor> take_inherited_socket(const ListenAddress& address) {
  Registry& adopted = registry();
  const MutexLock lock(adopted.mutex);
  for (Inherited& one : adopted.sockets) {
    if (one.socket.get() >= 0 && same(one.address, address)) return std::move(one.socket);
  }
  return std::nullopt;
}

}  // namespace deskwire::net
