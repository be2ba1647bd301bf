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
  bool aborted = false;
  bool cut = false;  ///< The rest of an answer was left unread.
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

  Result<HttpResponse> send(const HttpRequest& request, const StreamOptions* stream) {
    if (!base_) {
      return fail(ErrorCode::kInvalid,
                  std::string(options_.peer) +
                      ": its URL is not an http or https URL that this build can use");
    }
    const auto taken = take(stream == nullptr ? timeout_of(request)
                                              : std::min(stream->begin_timeout, stream->timeout));
    if (!taken) return cancelled(request);
    const AbortHandle abort(*this, ***taken, stream);
    Result<HttpResponse> result = [&]() -> Result<HttpResponse> {
      try {
        return exchange(***taken, request, stream);
      } catch (const std::exception& error) {
        return deskwire::fail(ErrorCode::kUnknownOutcome, where(request) + error.what());
      }
    }();
    abort.forget();
    give_back(*taken, result.has_value());
    return result;
  }

 private:
  /// Offers the caller of a stream a way to end it, for as long as it is under way.
  class AbortHandle {
   public:
    AbortHandle(Impl& impl, Connection& connection, const StreamOptions* stream)
        : stream_(stream != nullptr && stream->on_abort ? stream : nullptr) {
      if (stream_ != nullptr) stream_->on_abort([&impl, &connection] { impl.abort(connection); });
    }
    void forget() const {
      if (stream_ != nullptr) stream_->on_abort({});
    }

   private:
    const StreamOptions* stream_;
  };

  using ConnectionIterator = std::list<std::unique_ptr<Connection>>::iterator;

  Milliseconds timeout_of(const HttpRequest& request) const {
    const bool own = request.timeout.count() > 0;
    return own ? std::min(request.timeout, options_.timeout) : options_.timeout;
  }
  std::string where(const HttpRequest& request) const {
    return std::string(options_.peer) + " " + request.method + ": ";
  }
  tl::unexpected<Error> cancelled(const HttpRequest& request) const {
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
      if (stopped_ || connection->expired || connection->aborted) connection->socket.shut();
    });
    return made;
  }

  /// nullopt: stopped.
  std::optional<ConnectionIterator> take(Milliseconds timeout) {
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
    chosen->deadline = std::chrono::steady_clock::now() + timeout;
    chosen->expired = chosen->aborted = chosen->cut = false;
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
    const bool whole = reusable && !done->expired && !done->aborted && !done->cut;
    if (!whole || stopped_ || idle_.size() >= options_.max_idle_connections) return;
    done->idle_since = std::chrono::steady_clock::now();
    idle_.push_back(std::move(done));
  }

  void abort(Connection& connection) {
    const MutexLock lock(mutex_);
    connection.aborted = true;
    connection.socket.shut();
  }

  /// The deadline of a stream that has begun.
  void extend(Connection& connection, MonotonicTime deadline) {
    const MutexLock lock(mutex_);
    connection.deadline = deadline;
    if (deadline < watch_until_) changed_.notify_all();
  }

  Result<HttpResponse> exchange(Connection& connection, const HttpRequest& request,
                                const StreamOptions* stream) {
    const MonotonicTime begun = std::chrono::steady_clock::now();
    bool flowing = false;
    int status = 0;
    httplib::Request outgoing;
    outgoing.method = request.method;
    outgoing.path = base_->prefix + request.path;
    if (outgoing.path.empty()) outgoing.path = "/";
    for (const auto& [name, value] : request.headers) outgoing.headers.emplace(name, value);
    if (outgoing.headers.find("Accept") == outgoing.headers.end()) {
      outgoing.headers.emplace("Accept", "application/json");
    }
    outgoing.headers.emplace("Accept-Encoding", "identity");
    outgoing.headers.emplace("User-Agent", "deskwire");
    if (!request.body.empty()) outgoing.headers.emplace("Content-Type", "application/json");
    outgoing.body = request.body;

    std::string body;
    bool too_large = false;
    outgoing.response_handler = [&](const httplib::Response& head) {
      status = head.status;
      return true;
    };
    outgoing.content_receiver = [&](const char* data, std::size_t size, auto /*offset*/,
                                    auto /*total*/) {
      if (stream != nullptr && status / 100 == 2) {
        const StreamVerdict verdict = stream->on_body({data, size});
        if (verdict != StreamVerdict::kWaiting && !flowing) {
          flowing = true;
          extend(connection, begun + stream->timeout);
        }
        const MutexLock lock(mutex_);
        connection.cut = verdict == StreamVerdict::kStop;
        return !connection.cut;
      }
      too_large = body.size() + size > options_.max_response_bytes;
      if (!too_large) body.append(data, size);
      return !too_large;
    };
    httplib::Response response;
    httplib::Error error = httplib::Error::Success;
    const bool complete = connection.client.send(outgoing, response, error);

    bool expired = false;
    bool cut = false;
    {
      const MutexLock lock(mutex_);
      if (!complete && (stopped_ || connection.aborted)) return cancelled(request);
      expired = connection.expired;
      cut = connection.cut;
    }
    if (cut) return HttpResponse{status, {}, {}};
    if (complete) {
      return HttpResponse{response.status, std::move(body),
                          response.get_header_value("Retry-After")};
    }
    const std::string at = where(request);
    if (surely_not_sent(error)) {
      return fail(ErrorCode::kUnavailable, at + "no connection (" + httplib::to_string(error) +
                                               "); is its URL right and the " + options_.peer +
                                               " up?");
    }
    if (too_large) {
      return fail(ErrorCode::kUnknownOutcome,
                  at + "answer over " + std::to_string(options_.max_response_bytes) + " bytes");
    }
    if (expired && stream != nullptr && !flowing) {
      return fail(ErrorCode::kTimeout, at + "nothing of an answer in " +
                                           std::to_string(stream->begin_timeout.count()) + " ms");
    }
    if (expired) {
      const Milliseconds limit = stream != nullptr ? stream->timeout : timeout_of(request);
      return fail(ErrorCode::kTimeout,
                  at + "no complete answer in " + std::to_string(limit.count()) + " ms");
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
Result<HttpResponse> HttpClient::send(const HttpRequest& request) {
  return impl_->send(request, nullptr);
}
Result<HttpResponse> HttpClient::stream(const HttpRequest& request, const StreamOptions& options) {
  return impl_->send(request, &options);
}
void HttpClient::stop() { impl_->stop(); }

}  // namespace deskwire::worker
