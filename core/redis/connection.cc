#include "core/redis/connection.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "core/redis/command.h"
#include "core/redis/reply_error.h"

namespace deskwire::redis {
namespace {

std::string text_of(int error) { return std::system_category().message(error); }

MonotonicTime now() { return std::chrono::steady_clock::now(); }

/// Rounded up, so that a deadline has passed when poll() returns for it.
int poll_timeout(MonotonicTime deadline) {
  const auto left = std::chrono::ceil<Milliseconds>(deadline - now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, std::numeric_limits<int>::max()));
}

}  // namespace

Wakeup::Wakeup() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  // Without descriptors nothing in this process can work; there is nobody to tell.
  if (fd_ < 0) std::abort();
}
Wakeup::~Wakeup() { ::close(fd_); }

void Wakeup::signal() {
  const std::uint64_t one = 1;
  // It fails only when 2^64 - 2 signals wait, which is a signal as well.
  [[maybe_unused]] const auto written = ::write(fd_, &one, sizeof one);
}

void Wakeup::clear() {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto taken = ::read(fd_, &count, sizeof count);
}

Connection::Connection(const Client::Options& options, Wakeup& wakeup)
    : options_(options), wakeup_(wakeup), reader_(options.max_reply_bytes) {}
Connection::~Connection() { close(); }

void Connection::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  reader_.reset();
}

Connection::Patience Connection::patience(const std::atomic<bool>& stopping) const {
  return {now() + options_.connect_timeout, stopping};
}

Status Connection::open(const std::atomic<bool>& stopping, const std::optional<Address>& hint) {
  const Endpoint& endpoint = options_.endpoint;
  if (!endpoint.sentinels.empty()) return open_through_sentinels(stopping, hint);
  return open_at({endpoint.host, endpoint.port}, patience(stopping));
}

std::string Connection::peer() const {
  const std::string& socket_path = options_.endpoint.socket_path;
  return socket_path.empty() ? address_.display() : socket_path;
}

Status Connection::open_through_sentinels(const std::atomic<bool>& stopping,
                                          const std::optional<Address>& hint) {
  if (hint && open_at(*hint, patience(stopping))) return {};
  const Endpoint& endpoint = options_.endpoint;
  Error failure{ErrorCode::kUnavailable, "", std::nullopt};
  for (std::size_t i = 0; i < endpoint.sentinels.size(); ++i) {
    const std::size_t index = (first_sentinel_ + i) % endpoint.sentinels.size();
    const Address& sentinel = endpoint.sentinels[index];
    const auto master = ask_sentinel(sentinel, patience(stopping));
    Status opened = master ? open_at(*master, patience(stopping)) : fail(master.error());
    if (opened) {
      first_sentinel_ = index;
      return {};
    }
    if (stopping.load()) return fail(ErrorCode::kCancelled, "redis connect: stopped");
    failure.code = opened.error().code;
    failure.message += (i == 0 ? "" : "; ") + sentinel.display() +
                       (master ? " named " + master->display() : "") + ": " +
                       opened.error().message;
  }
  return fail(std::move(failure).prefixed("redis master " + endpoint.master_name));
}

Result<Address> Connection::ask_sentinel(const Address& sentinel, const Patience& patience) {
  const Endpoint& endpoint = options_.endpoint;
  if (auto connected = connect_tcp(sentinel, patience); !connected) {
    return fail(std::move(connected.error()));
  }
  std::vector<Command> commands;
  if (!endpoint.sentinel_user.empty()) {
    commands.push_back({"AUTH", endpoint.sentinel_user, endpoint.sentinel_password});
  } else if (!endpoint.sentinel_password.empty()) {
    commands.push_back({"AUTH", endpoint.sentinel_password});
  }
  commands.push_back({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", endpoint.master_name});
  Address master;
  const auto answered = ask(commands, patience, [&](const std::string& verb, const Reply& reply) {
    if (reply.kind == Reply::Kind::kError) return Status(fail(error_of_reply(verb, reply.text)));
    if (verb != "SENTINEL") return Status();
    if (reply.is_nil() || (reply.is_array() && reply.items.empty())) {
      return Status(fail(ErrorCode::kNotFound, "it does not know a master of that name"));
    }
    const std::int64_t port = reply.at(1).as_integer();
    master = {reply.at(0).as_string(), static_cast<std::uint16_t>(port)};
    if (!master.host.empty() && port == master.port && port != 0) return Status();
    return Status(fail(ErrorCode::kCorrupt, "redis SENTINEL: answer of another shape"));
  });
  close();
  if (!answered) return fail(answered.error());
  return master;
}

Status Connection::open_at(const Address& address, const Patience& patience) {
  const std::string& socket_path = options_.endpoint.socket_path;
  auto status =
      socket_path.empty() ? connect_tcp(address, patience) : connect_unix(socket_path, patience);
  if (status) status = log_in(patience);
  if (!status) close();
  address_ = address;
  return status;
}

Status Connection::connect_unix(const std::string& path, const Patience& patience) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return fail(ErrorCode::kInvalid, "redis connect: the socket path is too long");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return connect_to(AF_UNIX, &address, sizeof address, patience);
}

Status Connection::connect_tcp(const Address& address, const Patience& patience) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(address.port);
  if (const int error = ::getaddrinfo(address.host.c_str(), port.c_str(), &hints, &found);
      error != 0) {
    return fail(ErrorCode::kUnavailable, std::string("redis resolve: ") + ::gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(found, &::freeaddrinfo);
  Status status = fail(ErrorCode::kUnavailable, "redis resolve: no address");
  for (const addrinfo* one = list.get(); one != nullptr && !status; one = one->ai_next) {
    status = connect_to(one->ai_family, one->ai_addr, one->ai_addrlen, patience);
  }
  return status;
}

Status Connection::connect_to(int family, const void* address, unsigned length,
                              const Patience& patience) {
  close();
  fd_ = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return fail(ErrorCode::kUnavailable, "redis socket: " + text_of(errno));
  if (family != AF_UNIX) {
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(fd_, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  }
  if (::connect(fd_, static_cast<const sockaddr*>(address), length) == 0) return {};
  if (errno != EINPROGRESS) {
    return fail(ErrorCode::kUnavailable, "redis connect: " + text_of(errno));
  }
  for (;;) {
    if (patience.stopping.load()) return fail(ErrorCode::kCancelled, "redis connect: stopped");
    if (now() >= patience.deadline) {
      return fail(ErrorCode::kUnavailable, "redis connect: timed out");
    }
    pollfd socket{fd_, POLLOUT, 0};
    wait(true, patience.deadline);
    if (::poll(&socket, 1, 0) <= 0) continue;
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error == 0) return {};
    return fail(ErrorCode::kUnavailable, "redis connect: " + text_of(error));
  }
}

Status Connection::log_in(const Patience& patience) {
  const Endpoint& endpoint = options_.endpoint;
  std::vector<Command> commands;
  if (!endpoint.user.empty()) {
    commands.push_back({"AUTH", endpoint.user, endpoint.password});
  } else if (!endpoint.password.empty()) {
    commands.push_back({"AUTH", endpoint.password});
  }
  if (endpoint.database != 0) commands.push_back({"SELECT", std::to_string(endpoint.database)});
  commands.push_back({"CLIENT", "SETNAME", options_.name});
  // PING tells a server that serves from one that loads its data or lost its master.
  commands.push_back({"PING"});
  commands.push_back({"ROLE"});
  return ask(commands, patience, [](const std::string& verb, const Reply& reply) {
    if (verb == "ROLE" && reply.at(0).as_string() == "slave") {
      return Status(fail(ErrorCode::kUnavailable,
                         "redis ROLE: it is a replica of " + reply.at(1).as_string() + ":" +
                             reply.at(2).as_string() +
                             "; connect to its master, or name the sentinels"));
    }
    if (reply.kind != Reply::Kind::kError) return Status();
    // What we ask for politeness only may be forbidden by an ACL or unknown to a server that is not
    // quite Redis; the real commands will tell.
    const bool optional = verb == "CLIENT" || verb == "ROLE" || reply.text.starts_with("NOPERM");
    return optional ? Status() : Status(fail(error_of_reply(verb, reply.text)));
  });
}

Status Connection::ask(
    const std::vector<Command>& commands, const Patience& patience,
    const std::function<Status(const std::string& verb, const Reply& reply)>& accept) {
  std::string bytes;
  for (const Command& command : commands) append_command(bytes, command);
  std::string_view unsent = bytes;
  std::size_t answered = 0;
  while (answered < commands.size()) {
    if (patience.stopping.load()) return fail(ErrorCode::kCancelled, "redis login: stopped");
    if (now() >= patience.deadline) return fail(ErrorCode::kUnavailable, "redis login: timed out");
    auto reply = next_reply();
    if (!reply) return fail(std::move(reply.error()));
    if (!reply->has_value()) {
      if (auto sent = send(unsent); !sent) return sent;
      auto received = receive();
      if (!received) return fail(std::move(received.error()));
      if (*received == 0) wait(!unsent.empty(), patience.deadline);
      continue;
    }
    if (auto accepted = accept(commands[answered++].front(), **reply); !accepted) return accepted;
  }
  return {};
}

Status Connection::send(std::string_view& bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      return {};
    } else if (errno != EINTR) {
      return fail(ErrorCode::kUnavailable, "redis send: " + text_of(errno));
    }
  }
  return {};
}

Result<std::size_t> Connection::receive() {
  std::array<char, kPieceBytes> piece;  // NOLINT: 16 KB need not be zeroed for each read.
  for (;;) {
    const ssize_t got = ::recv(fd_, piece.data(), piece.size(), 0);
    if (got > 0) {
      reader_.feed(std::string_view(piece.data(), static_cast<std::size_t>(got)));
      return static_cast<std::size_t>(got);
    }
    if (got == 0) return fail(ErrorCode::kUnavailable, "redis receive: connection closed");
    if (errno == EAGAIN) return 0;
    if (errno != EINTR) {
      return fail(ErrorCode::kUnavailable, "redis receive: " + text_of(errno));
    }
  }
}

bool Connection::wait(bool until_writable, MonotonicTime deadline) {
  const auto events = static_cast<short>(POLLIN | (until_writable ? POLLOUT : 0));
  std::array<pollfd, 2> descriptors = {pollfd{fd_, events, 0}, pollfd{wakeup_.fd(), POLLIN, 0}};
  if (::poll(descriptors.data(), descriptors.size(), poll_timeout(deadline)) <= 0) return false;
  if (descriptors[1].revents != 0) wakeup_.clear();
  // Errors and hang-ups count as readable: receive() tells what they are.
  return (descriptors[0].revents & ~POLLOUT) != 0;
}

}  // namespace deskwire::redis
