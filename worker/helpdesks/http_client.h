#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/result.h"

namespace deskwire::worker {

struct HttpRequest {
  std::string method;
  std::string path;  ///< Below the base URL, with a leading slash; escaped by the caller.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;         ///< JSON, or empty.
  Milliseconds timeout{0};  ///< Of this call, where it is to be shorter than the client's.
};

/// What the reader of a streamed answer says to each piece of it.
enum class StreamVerdict : std::uint8_t {
  kWaiting,  ///< Nothing that counts as a beginning yet.
  kFlowing,  ///< It has begun: from now on the deadline is that of the whole call.
  kStop,     ///< Enough: the rest is not read, and the call ends well.
};

/// A call whose answer is read while it comes.
struct StreamOptions {
  Milliseconds begin_timeout{15000};  ///< Until the first kFlowing.
  Milliseconds timeout{60000};        ///< Of the whole call.
  /// Gets the body of a 2xx answer, piece by piece, on the caller's thread.
  std::function<StreamVerdict(std::string_view)> on_body;
  /// Given a function that ends the call with kCancelled from any thread, and an empty one when
  /// the call is over.
  std::function<void(std::function<void()>)> on_abort;
};

struct HttpResponse {
  int status = 0;
  std::string body;
  std::string retry_after;  ///< The header's value, or empty.
};

/// Outbound HTTP to one server, with one deadline for a whole call whatever the peer does: a peer
/// that trickles bytes is cut off as well as a silent one. Keeps a few idle connections.
///
/// The only file that knows cpp-httplib and its versions. Redirects are not followed; https checks
/// the certificate against the system's authorities.
///
/// Thread safety: every method may be called concurrently; send blocks up to the timeout (plus the
/// system resolver's own time, which cannot be cut short). SIGPIPE is ignored in the process from
/// the first client on.
class HttpClient {
 public:
  struct Options {
    std::string base_url;  ///< http://host[:port][/prefix] or https://…
    Milliseconds timeout{5000};
    std::size_t max_response_bytes = 1U << 20U;
    std::size_t max_idle_connections = 16;
    const char* peer = "helpdesk";  ///< In messages.
  };
  explicit HttpClient(Options options);
  ~HttpClient();  ///< Calls stop().
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// @return  Any complete answer, whatever its status.
  /// @errors kInvalid: the base URL cannot be used. kUnavailable: surely not sent (no connection,
  ///         TLS refused). kTimeout: sent, at least in part; no complete answer in time.
  ///         kUnknownOutcome: sent; the connection broke or the answer is over the limit.
  ///         kCancelled: stop() was called.
  Result<HttpResponse> send(const HttpRequest& request);
  /// As send(), but a 2xx body goes to `options.on_body` and not into the answer. A connection that
  /// breaks before the end is kUnknownOutcome.
  Result<HttpResponse> stream(const HttpRequest& request, const StreamOptions& options);
  /// Ends calls in flight with kCancelled; later ones fail at once. Twice: fine.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace deskwire::worker
