#pragma once

#include <map>
#include <memory>
#include <string>

#include "core/mutex.h"
#include "publishers/sinks/http_poster.h"
#include "worker/helpdesks/http_client.h"

namespace deskwire::cli {

/// The outbound POST of alert sinks over the worker's HTTP client, one client a server.
///
/// Thread safety: every method may be called concurrently.
class SinkPoster final : public publishers::HttpPoster {
 public:
  Result<publishers::HttpAnswer> post(const publishers::HttpPost& request) override;
  /// Ends calls in flight with kCancelled.
  void stop();

 private:
  std::shared_ptr<worker::HttpClient> client_of(const std::string& origin, Milliseconds timeout);

  Mutex mutex_;
  bool stopped_ DW_GUARDED_BY(mutex_) = false;
  std::map<std::string, std::shared_ptr<worker::HttpClient>> clients_ DW_GUARDED_BY(mutex_);
};

}  // namespace deskwire::cli
