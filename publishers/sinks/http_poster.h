#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/result.h"

namespace deskwire::publishers {

struct HttpPost {
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;  ///< JSON; its Content-Type is the poster's to add.
  std::chrono::milliseconds timeout{5000};
};

struct HttpAnswer {
  int status = 0;
  std::string body;
  std::string retry_after;
};

/// Port: an outbound POST. Thread safety: post may be called concurrently.
class HttpPoster {
 public:
  virtual ~HttpPoster() = default;
  /// @return  Any complete answer, whatever its status.
  /// @errors kInvalid: the address cannot be used. kUnavailable, kTimeout, kUnknownOutcome: no
  ///         complete answer. kCancelled: stopped.
  virtual Result<HttpAnswer> post(const HttpPost& request) = 0;
};

}  // namespace deskwire::publishers
