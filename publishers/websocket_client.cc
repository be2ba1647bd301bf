#include "publishers/websocket_client.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/hash.h"
#include "publishers/websocket_handshake.h"

namespace deskwire::publishers {

namespace {

using std::chrono::steady_clock;

constexpr std::size_t kMaxHead = 16384;

struct Url {
  std::string host;
  std::string port = "80";
  std::string target = "/";
};

Result<Url> parse_url(std::string_view text) {
  constexpr std::string_view kScheme = "ws://";
  if (!text.starts_with(kScheme)) {
    return fail(ErrorCode::kInvalid, "websocket url: only ws://host:port/path is possible");
  }
  text.remove_prefix(kScheme.size());
  Url url;
  const std::size_t slash = std::min(text.find_first_of("/?"), text.size());
  std::string_view authority = text.substr(0, slash);
  if (slash < text.size()) {
    url.target = text.substr(slash);
    if (url.target.front() == '?') url.target.insert(0, "/");
  }
  const std::size_t bracket = authority.rfind(']');
  const std::size_t colon = authority.rfind(':');
  const bool has_port =
      colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  if (has_port) url.port = authority.substr(colon + 1);
  url.host = authority.substr(0, has_port ? colon : authority.size());
  if (url.host.empty() || url.port.empty()) {
    return fail(ErrorCode::kInvalid, "websocket url: host or port is missing");
  }
  return url;
}

int left_ms(steady_clock::time_point deadline) {
  const auto left = std::chrono::ceil<Milliseconds>(deadline - steady_clock::now()).count();
  return left > 0 ? static_cast<int>(left) : 0;
}

std::uint32_t random_mask() {
  const std::string bytes = random_bytes(sizeof(std::uint32_t));
  std::uint32_t mask = 0;
  std::memcpy(&mask, bytes.data(), sizeof mask);
  return mask;
}

}  // namespace

struct WebSocketClient::Impl {
  explicit Impl(std::size_t max_message_bytes)
      : parser(MessageParser::Sender::kServer, max_message_bytes) {}
  ~Impl() { shut(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void shut() {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }

  Status open(const Url& url, steady_clock::time_point deadline);
  Status write(std::string_view bytes);
  /// Appends at least one byte to `unread`. False: the time is over.
  Result<bool> read(steady_clock::time_point deadline);
  Status handshake(const Url& url, const Options& options, steady_clock::time_point deadline);

  int fd = -1;
  std::string unread;
  MessageParser parser;
};

Status WebSocketClient::Impl::open(const Url& url, steady_clock::time_point deadline) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  std::string host = url.host;
  if (host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  if (::getaddrinfo(host.c_str(), url.port.c_str(), &hints, &found) != 0) {
    return fail(ErrorCode::kUnavailable, "connect " + url.host + ": the name is not known");
  }
  int error = ECONNREFUSED;
  for (const addrinfo* one = found; one != nullptr && fd < 0; one = one->ai_next) {
    fd = ::socket(one->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, one->ai_protocol);
    if (fd < 0) continue;
    error = ::connect(fd, one->ai_addr, one->ai_addrlen) == 0 ? 0 : errno;
    if (error == EINPROGRESS) {
      pollfd wait{fd, POLLOUT, 0};
      socklen_t size = sizeof error;
      if (::poll(&wait, 1, left_ms(deadline)) != 1)
        error = ETIMEDOUT;
      else
        ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    }
    if (error != 0) shut();
  }
  ::freeaddrinfo(found);
  if (fd < 0) {
    return fail(error == ETIMEDOUT ? ErrorCode::kTimeout : ErrorCode::kUnavailable,
                "connect " + url.host + ":" + url.port + ": " + std::strerror(error));
  }
  return {};
}

Status WebSocketClient::Impl::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = fd < 0 ? -1 : ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
    } else if (fd >= 0 && (errno == EAGAIN || errno == EINTR)) {
      pollfd wait{fd, POLLOUT, 0};
      ::poll(&wait, 1, 1000);
    } else {
      return fail(ErrorCode::kUnavailable, "websocket send: the connection is gone");
    }
  }
  return {};
}

Result<bool> WebSocketClient::Impl::read(steady_clock::time_point deadline) {
  std::array<char, 65536> buffer{};
  for (;;) {
    const ssize_t count = fd < 0 ? 0 : ::recv(fd, buffer.data(), buffer.size(), 0);
    if (count > 0) {
      unread.append(buffer.data(), static_cast<std::size_t>(count));
      return true;
    }
    if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
      return fail(ErrorCode::kUnavailable, "websocket receive: the connection is gone");
    }
    pollfd wait{fd, POLLIN, 0};
    if (::poll(&wait, 1, left_ms(deadline)) == 0 && steady_clock::now() >= deadline) return false;
  }
}

Status WebSocketClient::Impl::handshake(const Url& url, const Options& options,
                                        steady_clock::time_point deadline) {
  const std::string key = base64_encode(random_bytes(16));
  std::string request = "GET " + url.target + " HTTP/1.1\r\nHost: " + url.host + ":" + url.port +
                        "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " +
                        key + "\r\n";
  for (const auto& [name, value] : options.headers) {
    request.append(name).append(": ").append(value).append("\r\n");
  }
  if (auto sent = write(request + "\r\n"); !sent) return sent;
  std::size_t end = std::string::npos;
  while ((end = unread.find("\r\n\r\n")) == std::string::npos) {
    if (unread.size() > kMaxHead) return fail(ErrorCode::kCorrupt, "websocket handshake: no HTTP");
    auto more = read(deadline);
    if (!more) return fail(std::move(more.error()));
    if (!*more) return fail(ErrorCode::kTimeout, "websocket handshake: no answer in time");
  }
  const std::string head = unread.substr(0, end);
  unread.erase(0, end + 4);
  if (!head.starts_with("HTTP/1.1 101")) {
    return fail(ErrorCode::kDenied,
                "websocket handshake: refused, " +
                    head.substr(0, std::min(head.find("\r\n"), std::size_t{64})));
  }
  if (head.find(accept_value(key)) == std::string::npos) {
    return fail(ErrorCode::kCorrupt, "websocket handshake: wrong Sec-WebSocket-Accept");
  }
  return {};
}

WebSocketClient::WebSocketClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
WebSocketClient::~WebSocketClient() = default;
WebSocketClient::WebSocketClient(WebSocketClient&&) noexcept = default;
WebSocketClient& WebSocketClient::operator=(WebSocketClient&&) noexcept = default;

Result<WebSocketClient> WebSocketClient::connect(std::string_view url, const Options& options) {
  const auto parsed = parse_url(url);
  if (!parsed) return fail(parsed.error());
  const auto deadline = steady_clock::now() + options.timeout;
  auto impl = std::make_unique<Impl>(options.max_message_bytes);
  if (auto opened = impl->open(*parsed, deadline); !opened) return fail(std::move(opened.error()));
  if (auto greeted = impl->handshake(*parsed, options, deadline); !greeted) {
    return fail(std::move(greeted.error()));
  }
  return WebSocketClient(std::move(impl));
}

Status WebSocketClient::send(Opcode opcode, std::string_view payload) {
  return impl_->write(make_masked_frame(opcode, payload, random_mask()));
}

Status WebSocketClient::send_raw(std::string_view bytes) { return impl_->write(bytes); }

Result<std::optional<WireMessage>> WebSocketClient::receive(Milliseconds timeout) {
  const auto deadline = steady_clock::now() + timeout;
  for (;;) {
    std::string_view bytes = impl_->unread;
    const MessageParser::Outcome outcome = impl_->parser.feed(bytes);
    impl_->unread.erase(0, impl_->unread.size() - bytes.size());
    if (outcome == MessageParser::Outcome::kFailed) {
      return fail(ErrorCode::kCorrupt,
                  "websocket receive: " + std::string(impl_->parser.error().reason));
    }
    if (outcome == MessageParser::Outcome::kMessage) {
      WireMessage message = impl_->parser.take();
      if (message.opcode == Opcode::kPong) continue;
      if (message.opcode == Opcode::kPing) {
        if (auto sent = send(Opcode::kPong, message.payload); !sent) return fail(sent.error());
        continue;
      }
      return std::optional<WireMessage>(std::move(message));
    }
    auto more = impl_->read(deadline);
    if (!more) return fail(std::move(more.error()));
    if (!*more) return std::optional<WireMessage>();
  }
}

void WebSocketClient::close(std::uint16_t code) {
  // The peer may be gone already; then there is nobody to say good-bye to.
  if (impl_->fd >= 0 && !send(Opcode::kClose, close_payload(code, {}))) impl_->shut();
  impl_->shut();
}

}  // namespace deskwire::publishers
