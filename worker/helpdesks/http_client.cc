#include "worker/helpdesks/http_client.h"

#include <fcntl.h>
#include <httplib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <exception>
#include <list>
#include <optional>
#include <thread>

#include "core/log.h"
#include "core/mutex.h"

namespace deskwire::worker {
namespace {

constexpr std::size_t kMaxIdleConnections = 16;
// Shorter than common keep-alive timeouts (Puma: 20 s), so that a connection which the peer is
// about to close is rarely written to: such a write has an unknown outcome.
constexpr std::chrono::seconds kMaxIdle{4};

struct BaseUrl {
  std::string origin;  ///< scheme://host[:port]
  std::string prefix;  ///< Path without a trailing slash.
};

std::optional<BaseUrl> split_base_url(const std::string& url) {
  const bool http = url.starts_with("http://");
  const bool https = url.starts_with("https://");
  if (!http && !https) return std::nullopt;
#ifndef CPPHTTPLIB_OPENSSL_SUPPORT
  if (https) return std::nullopt;
#endif
  const std::size_t host = url.find("//") + 2;
  const std::size_t slash = url.find('/', host);
  BaseUrl parts{url.substr(0, slash), slash == std::string::npos ? "" : url.substr(slash)};
  while (parts.prefix.ends_with('/')) parts.prefix.pop_back();
  const bool odd = parts.origin.size() == host || url.find_first_of("@?# \r\n") != url.npos;
  if (odd) return std::nullopt;
  return parts;
}

/// A second descriptor of a connection's socket. Shutting it down ends a call from another thread
/// without httplib's lock, which is held while it connects; being our own descriptor it cannot have
/// been closed and reused meanwhile.
class SocketHandle {
 public:
  SocketHandle() = default;
  ~SocketHandle() { reset(-1); }
  SocketHandle(const SocketHandle&) = delete;
  SocketHandle& operator=(const SocketHandle&) = delete;

  void reset(int socket) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = socket < 0 ? -1 : ::fcntl(socket, F_DUPFD_CLOEXEC, 0);
  }
  void shut() const {
    if (fd_ >= 0) ::shutdown(fd_, SHUT_RDWR);
  }

 private:
  int fd_ = -1;
};

struct Connection {
  explicit Connection(const std::string& origin) : client(origin) {}
  httplib::Client client;
  // What follows is guarded by Impl::mutex_.
  SocketHandle socket;
  MonotonicTime deadline;
  MonotonicTime idle_since;
  bool expired = false;
};

bool surely_not_sent(httplib::Error error) {
  switch (error) {
    case httplib::Error::Connection:
    case httplib::Error::ConnectionTimeout:
    case httplib::Error::BindIPAddress:
    case httplib::Error::SSLConnection:
    case httplib::Error::SSLLoadingCerts:
    case httplib::Error::SSLServerVerification:
      return true;
    default:
      return false;
  }
}

}  // namespace

class HttpClient::Impl {
 public:
  explicit Impl(Options options)
      : options_(std::move(options)), base_(split_base_url(options_.base_url)) {
    // Neither httplib nor OpenSSL writes with MSG_NOSIGNAL.
    std::signal(SIGPIPE, SIG_IGN);
    watchdog_ = std::thread([this] { watch(); });
  }

  ~Impl() { stop(); }

  void stop() {
    {
      const MutexLock lock(mutex_);
      stopped_ = true;
      for (const auto& connection : in_flight_) connection->socket.shut();
      changed_.notify_all();
    }
    const MutexLock lock(join_mutex_);
    if (watchdog_.joinable()) watchdog_.join();
  }

  Result<HttpResponse> send(const HttpRequest& request) {
    if (!base_) {
      return fail(ErrorCode::kInvalid,
                  "helpdesk base_url: not an http or https URL that this "
                  "build can use");
    }
    const auto taken = take();
    if (!taken) return cancelled(request);
    Result<HttpResponse> result = [&]() -> Result<HttpResponse> {
      try {
        return exchange(***taken, request);
      } catch (const std::exception& error) {
        return deskwire::fail(ErrorCode::kUnknownOutcome, where(request) + error.what());
      }
    }();
    give_back(*taken, result.has_value());
    return result;
  }

 private:
  using ConnectionIterator = std::list<std::unique_ptr<Connection>>::iterator;

  static std::string where(const HttpRequest& request) {
    return "helpdesk " + request.method + ": ";
  }
  static tl::unexpected<Error> cancelled(const HttpRequest& request) {
    return deskwire::fail(ErrorCode::kCancelled, where(request) + "stopped");
  }

  std::unique_ptr<Connection> connect() {
    auto made = std::make_unique<Connection>(base_->origin);
    made->client.set_keep_alive(true);
    made->client.set_follow_location(false);
    made->client.set_decompress(false);
    made->client.set_tcp_nodelay(true);
    const auto seconds = static_cast<time_t>(options_.timeout.count() / 1000);
    const auto micros = static_cast<time_t>(options_.timeout.count() % 1000 * 1000);
    made->client.set_connection_timeout(seconds, micros);
    // A little later than the whole call's deadline, which says more about what happened.
    made->client.set_read_timeout(seconds + 1, micros);
    made->client.set_write_timeout(seconds + 1, micros);
    made->client.set_socket_options([this, connection = made.get()](socket_t socket) {
      const MutexLock lock(mutex_);
      connection->socket.reset(socket);
      if (stopped_ || connection->expired) connection->socket.shut();
    });
    return made;
  }

  /// nullopt: stopped.
  std::optional<ConnectionIterator> take() {
    std::unique_ptr<Connection> chosen;
    std::list<std::unique_ptr<Connection>> too_old;  // Closed outside the lock.
    {
      const MutexLock lock(mutex_);
      if (stopped_) return std::nullopt;
      const auto now = std::chrono::steady_clock::now();
      while (!idle_.empty() && now - idle_.front()->idle_since > kMaxIdle) {
        too_old.splice(too_old.end(), idle_, idle_.begin());
      }
      if (!idle_.empty()) {
        chosen = std::move(idle_.back());
        idle_.pop_back();
      }
    }
    if (!chosen) chosen = connect();
    const MutexLock lock(mutex_);
    if (stopped_) return std::nullopt;
    chosen->deadline = std::chrono::steady_clock::now() + options_.timeout;
    chosen->expired = false;
    // Deadlines come in the order of the calls: under load the watchdog sleeps through most.
    if (chosen->deadline < watch_until_) changed_.notify_all();
    in_flight_.push_front(std::move(chosen));
    return in_flight_.begin();
  }

  void give_back(ConnectionIterator taken, bool reusable) {
    std::unique_ptr<Connection> done;  // Destroyed outside the lock: it may close a socket.
    const MutexLock lock(mutex_);
    done = std::move(*taken);
    in_flight_.erase(taken);
    if (!reusable || stopped_ || done->expired || idle_.size() >= kMaxIdleConnections) return;
    done->idle_since = std::chrono::steady_clock::now();
    idle_.push_back(std::move(done));
  }

  Result<HttpResponse> exchange(Connection& connection, const HttpRequest& request) {
    httplib::Request outgoing;
    outgoing.method = request.method;
    outgoing.path = base_->prefix + request.path;
    if (outgoing.path.empty()) outgoing.path = "/";
    for (const auto& [name, value] : request.headers) outgoing.headers.emplace(name, value);
    outgoing.headers.emplace("Accept", "application/json");
    outgoing.headers.emplace("Accept-Encoding", "identity");
    outgoing.headers.emplace("User-Agent", "deskwire");
    if (!request.body.empty()) outgoing.headers.emplace("Content-Type", "application/json");
    outgoing.body = request.body;

    std::string body;
    bool too_large = false;
    outgoing.content_receiver = [&](const char* data, std::size_t size, auto /*offset*/,
                                    auto /*total*/) {
      too_large = body.size() + size > options_.max_response_bytes;
      if (!too_large) body.append(data, size);
      return !too_large;
    };
    httplib::Response response;
    httplib::Error error = httplib::Error::Success;
    const bool complete = connection.client.send(outgoing, response, error);

    bool expired = false;
    {
      const MutexLock lock(mutex_);
      if (!complete && stopped_) return cancelled(request);
      expired = connection.expired;
    }
    if (complete) {
      return HttpResponse{response.status, std::move(body),
                          response.get_header_value("Retry-After")};
    }
    const std::string at = where(request);
    if (surely_not_sent(error)) {
      return fail(ErrorCode::kUnavailable, at + "no connection (" + httplib::to_string(error) +
                                               "); is base_url right and the helpdesk up?");
    }
    if (too_large) {
      return fail(ErrorCode::kUnknownOutcome,
                  at + "answer over " + std::to_string(options_.max_response_bytes) + " bytes");
    }
    if (expired) {
      return fail(ErrorCode::kTimeout,
                  at + "no complete answer in " + std::to_string(options_.timeout.count()) + " ms");
    }
    return fail(ErrorCode::kUnknownOutcome,
                at + "the connection broke (" + httplib::to_string(error) + ")");
  }

  void watch() {
    log::name_thread("http-watch");
    const MutexLock lock(mutex_);
    while (!stopped_) {
      const auto now = std::chrono::steady_clock::now();
      auto next = now + std::chrono::hours(1);
      for (const auto& connection : in_flight_) {
        if (connection->expired) continue;
        if (connection->deadline <= now) {
          connection->expired = true;
          connection->socket.shut();
        } else {
          next = std::min(next, connection->deadline);
        }
      }
      watch_until_ = next;
      changed_.wait_until(mutex_, next);
    }
  }

  const Options options_;
  const std::optional<BaseUrl> base_;
  Mutex mutex_;
  CondVar changed_;
  bool stopped_ DW_GUARDED_BY(mutex_) = false;
  MonotonicTime watch_until_ DW_GUARDED_BY(mutex_);  ///< When the watchdog looks again by itself.
  std::list<std::unique_ptr<Connection>> idle_ DW_GUARDED_BY(mutex_);
  std::list<std::unique_ptr<Connection>> in_flight_ DW_GUARDED_BY(mutex_);
  Mutex join_mutex_;
  std::thread watchdog_ DW_GUARDED_BY(join_mutex_);
};

HttpClient::HttpClient(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
HttpClient::~HttpClient() = default;
Result<HttpResponse> HttpClient::send(const HttpRequest& request) { return impl_->send(request); }
void HttpClient::stop() { impl_->stop(); }

}  // namespace deskwire::worker
