#include "publishers/echo_server.h"

#include <set>
#include <utility>

#include "config/load.h"
#include "core/net/http_server.h"
#include "publishers/connection.h"
#include "publishers/websocket_handshake.h"

namespace deskwire::publishers {

namespace {

constexpr std::size_t kMaxMessage = 16U << 20U;
/// Several messages of the largest size may wait for a peer that sends before it reads.
constexpr std::size_t kMaxOutbox = 64U << 20U;

class EchoSession;
using EchoSessions = std::set<std::shared_ptr<EchoSession>>;

class EchoSession final : public Connection::Handler,
                          public std::enable_shared_from_this<EchoSession> {
 public:
  EchoSession(std::shared_ptr<Connection> connection, EchoSessions& owner)
      : connection_(std::move(connection)), owner_(owner) {}

  void start(std::string response, std::string leftover) {
    owner_.insert(shared_from_this());
    connection_->start(weak_from_this(), std::move(response), std::move(leftover));
  }
  void on_message(WireMessage message) override {
    connection_->send(
        std::make_shared<const std::string>(make_frame(message.opcode, message.payload)),
        Priority::kNormal);
  }
  std::string farewell(CloseCode /*code*/, std::string_view /*reason*/) override { return {}; }
  std::string_view keep_alive() override { return {}; }
  void on_closed(std::uint16_t /*code*/) override { owner_.erase(shared_from_this()); }

 private:
  std::shared_ptr<Connection> connection_;
  EchoSessions& owner_;
};

}  // namespace

class EchoServer::Impl {
 public:
  Impl(const std::string& listen, const Clock& clock)
      : listen_(listen),
        clock_(clock),
        server_(
            options(listen),
            [](net::HttpRequest&& request, const net::HttpResponder& responder) {
              const Handshake handshake = check_handshake(request);
              responder.send(net::error_response(
                  handshake.status == 101 ? 42600 : handshake.status * 100, handshake.reason));
            },
            [this](net::HttpRequest& request,
                   const std::function<std::unique_ptr<net::Stream>()>& take,
                   std::string leftover) { return upgrade(request, take, std::move(leftover)); }) {
    settings_.max_message_bytes = kMaxMessage;
    settings_.max_outbox_bytes = kMaxOutbox;
    settings_.ping = Milliseconds(0);
    if (!server_.loops().empty()) {
      group_ = std::make_shared<ConnectionGroup>(*server_.loops().front());
    }
  }

  ~Impl() { stop(); }

  Status start() {
    const auto address = config::parse_listen(listen_);
    if (!address) return fail(address.error());
    if (!config::is_loopback(address->host)) {
      return fail(ErrorCode::kInvalid, "echo: listens on loopback only; use 127.0.0.1:PORT");
    }
    return server_.start();
  }

  void stop() {
    server_.stop();
    sessions_.clear();
  }

  std::uint16_t port() const { return server_.port(); }

 private:
  static net::HttpServer::Options options(const std::string& listen) {
    net::HttpServer::Options options;
    options.name = "echo";
    options.listen = listen;
    options.listen_key = "--echo";
    return options;
  }

  bool upgrade(const net::HttpRequest& request,
               const std::function<std::unique_ptr<net::Stream>()>& take, std::string leftover) {
    Handshake handshake = check_handshake(request);
    if (handshake.status != 101) return false;
    auto connection = std::make_shared<Connection>(take(), group_, settings_, clock_);
    std::make_shared<EchoSession>(std::move(connection), sessions_)
        ->start(std::move(handshake.response), std::move(leftover));
    return true;
  }

  const std::string listen_;
  const Clock& clock_;
  ConnectionSettings settings_;
  net::HttpServer server_;
  std::shared_ptr<ConnectionGroup> group_;
  EchoSessions sessions_;  ///< Of the one loop.
};

EchoServer::EchoServer(const std::string& listen, const Clock& clock)
    : impl_(std::make_unique<Impl>(listen, clock)) {}
EchoServer::~EchoServer() = default;

Status EchoServer::start() { return impl_->start(); }
void EchoServer::stop() { impl_->stop(); }
std::uint16_t EchoServer::port() const { return impl_->port(); }

}  // namespace deskwire::publishers
