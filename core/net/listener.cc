#include "core/net/listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <system_error>
#include <utility>

#include "core/log.h"
#include "core/net/inherited_sockets.h"

namespace deskwire::net {

namespace asio = boost::asio;

namespace {

constexpr int kMostUnsentBytes = 128 << 10;
constexpr int kBacklog = 1024;
// How many connections are taken before other work on the loop gets its turn.
constexpr int kAcceptBurst = 64;
// Without descriptors or memory every accept fails at once: wait instead of spinning.
constexpr Milliseconds kAcceptPause{100};

std::string system_message(int error) { return std::generic_category().message(error); }

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);

  // The socket calls are declared for the common prefix of all address types.
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  template <typename T>
  T as() const {
    T typed{};
    std::memcpy(&typed, &storage, sizeof typed);
    return typed;
  }
};

SocketAddress to_socket_address(const ListenAddress& address) {
  SocketAddress result;
  if (address.ipv6) {
    sockaddr_in6 typed{};
    typed.sin6_family = AF_INET6;
    typed.sin6_port = htons(address.port);
    ::inet_pton(AF_INET6, address.host.c_str(), &typed.sin6_addr);
    std::memcpy(&result.storage, &typed, sizeof typed);
    result.size = sizeof typed;
  } else {
    sockaddr_in typed{};
    typed.sin_family = AF_INET;
    typed.sin_port = htons(address.port);
    ::inet_pton(AF_INET, address.host.c_str(), &typed.sin_addr);
    std::memcpy(&result.storage, &typed, sizeof typed);
    result.size = sizeof typed;
  }
  return result;
}

Peer to_peer(const SocketAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.storage.ss_family == AF_INET6) {
    const auto typed = address.as<sockaddr_in6>();
    ::inet_ntop(AF_INET6, &typed.sin6_addr, text.data(), text.size());
    std::string_view name = text.data();
    // An IPv4 peer of a dual-stack listener keeps the name it has elsewhere.
    constexpr std::string_view kMapped = "::ffff:";
    if (IN6_IS_ADDR_V4MAPPED(&typed.sin6_addr)) name.remove_prefix(kMapped.size());
    return {std::string(name), true};
  }
  const auto typed = address.as<sockaddr_in>();
  ::inet_ntop(AF_INET, &typed.sin_addr, text.data(), text.size());
  return {text.data(), false};
}

std::uint16_t bound_port(int socket) {
  SocketAddress address;
  if (::getsockname(socket, address.get(), &address.size) != 0) return 0;
  return ntohs(address.storage.ss_family == AF_INET6 ? address.as<sockaddr_in6>().sin6_port
                                                     : address.as<sockaddr_in>().sin_port);
}

void set_option(int socket, int level, int option, int value = 1) {
  ::setsockopt(socket, level, option, &value, sizeof value);
}

}  // namespace

class Listener::Acceptor final : public IoLoop::Member,
                                 public std::enable_shared_from_this<Acceptor> {
 public:
  Acceptor(std::shared_ptr<IoLoop> loop, AcceptCallback accepted)
      : loop_(std::move(loop)),
        descriptor_(loop_->context().get_executor()),
        accepted_(std::move(accepted)) {}

  void open(FileDescriptor socket) {
    boost::system::error_code error;
    descriptor_.assign(socket.get(), error);
    if (error) {
      log::error("accept_failed", {{"error", error.message()}});
      return;
    }
    socket.release();
    loop_->join(*this);
    wait();
  }

  void close() {
    if (!descriptor_.is_open()) return;
    loop_->leave(*this);
    loop_stopping();
  }

  void loop_stopping() override {
    boost::system::error_code ignored;
    descriptor_.close(ignored);
    pause_.reset();
  }

 private:
  using Descriptor = asio::posix::basic_stream_descriptor<asio::io_context::executor_type>;

  void wait() {
    if (!descriptor_.is_open()) return;
    descriptor_.async_wait(Descriptor::wait_read,
                           [self = shared_from_this()](const boost::system::error_code& error) {
                             if (!error) self->accept_waiting();
                           });
  }

  void accept_waiting() {
    for (int i = 0; i < kAcceptBurst && descriptor_.is_open(); ++i) {
      SocketAddress address;
      FileDescriptor socket(::accept4(descriptor_.native_handle(), address.get(), &address.size,
                                      SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (socket.get() >= 0) {
        short_of_resources_ = false;
        set_option(socket.get(), IPPROTO_TCP, TCP_NODELAY);
        accepted_(std::move(socket), to_peer(address));
        continue;
      }
      if (errno == EAGAIN || errno == EWOULDBLOCK) break;
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        pause(errno);
        return;
      }
      // Anything else belongs to that one connection, gone before it was taken (accept(2)).
    }
    wait();
  }

  void pause(int error) {
    if (!std::exchange(short_of_resources_, true))
      log::warn("accept_paused", {{"error", system_message(error)}});
    pause_ = loop_->after(kAcceptPause, [self = weak_from_this()] {
      if (const auto acceptor = self.lock()) acceptor->wait();
    });
  }

  std::shared_ptr<IoLoop> loop_;
  Descriptor descriptor_;
  AcceptCallback accepted_;
  std::shared_ptr<void> pause_;
  bool short_of_resources_ = false;  // Warn once an episode.
};

Result<ListenAddress> parse_listen_address(std::string_view text) {
  const auto invalid = [text] {
    return fail(ErrorCode::kInvalid,
                "parse address '" + std::string(text) + "': not like 127.0.0.1:8080 or [::1]:8080");
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return invalid();
  const std::string_view port = text.substr(colon + 1);
  std::string_view host = text.substr(0, colon);
  ListenAddress address;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc() || end != port.data() + port.size()) return invalid();
  if (host.starts_with('[') && host.ends_with(']')) {
    address.ipv6 = true;
    host = host.substr(1, host.size() - 2);
  } else if (host == "localhost") {
    host = "127.0.0.1";
  }
  address.host = host;
  in6_addr parsed{};
  if (::inet_pton(address.ipv6 ? AF_INET6 : AF_INET, address.host.c_str(), &parsed) != 1)
    return invalid();
  return address;
}

Result<std::unique_ptr<Listener>> Listener::bind(std::string_view address, std::string_view key) {
  auto parsed = parse_listen_address(address);
  if (!parsed) return fail(std::move(parsed).error().prefixed(key));
  const auto refused = [&](const std::string& cause) {
    return fail(ErrorCode::kConflict, "listen " + std::string(address) + ": " + cause +
                                          "; choose another address in " + std::string(key));
  };
  if (auto inherited = take_inherited_socket(*parsed)) {
    // The service manager's backlog may be smaller than ours.
    if (::listen(inherited->get(), kBacklog) != 0) return refused(system_message(errno));
    return std::unique_ptr<Listener>(new Listener(std::move(*inherited), parsed->port));
  }
  FileDescriptor socket(
      ::socket(parsed->ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (socket.get() < 0) return refused(system_message(errno));
  // Without it a restart has to wait for the old connections' TIME_WAIT.
  set_option(socket.get(), SOL_SOCKET, SO_REUSEADDR);
  // Accepted sockets inherit it. What waits for a slow peer waits with us, where it is counted and
  // may be dropped, and not as megabytes in the kernel.
  set_option(socket.get(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, kMostUnsentBytes);
  SocketAddress bound = to_socket_address(*parsed);
  if (::bind(socket.get(), bound.get(), bound.size) != 0 || ::listen(socket.get(), kBacklog) != 0) {
    const int error = errno;
    if (error == EADDRINUSE) return refused("the address is in use");
    if (error == EACCES) return refused("the system does not let us use this port");
    return refused(system_message(error));
  }
  const std::uint16_t port = bound_port(socket.get());
  return std::unique_ptr<Listener>(new Listener(std::move(socket), port));
}

Listener::Listener(FileDescriptor socket, std::uint16_t port)
    : socket_(std::move(socket)), port_(port) {}

Listener::~Listener() = default;

void Listener::start(std::shared_ptr<IoLoop> loop, AcceptCallback accepted) {
  acceptor_ = std::make_shared<Acceptor>(std::move(loop), std::move(accepted));
  acceptor_->open(std::move(socket_));
}

void Listener::close() {
  if (acceptor_ != nullptr) acceptor_->close();
}

}  // namespace deskwire::net
