#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "config/config.h"
#include "core/result.h"

namespace deskwire::publishers {

/// The port to a service of the user's that knows a client's rights.
///
/// Thread safety: every method may be called concurrently.
class RightsService {
 public:
  struct Reply {
    int status = 0;
    std::string body;
  };
  using Headers = std::vector<std::pair<std::string, std::string>>;

  virtual ~RightsService() = default;
  /// Posts a question; blocks up to config rights.timeout_ms. Any complete answer is a reply.
  virtual Result<Reply> post(const Headers& headers, const std::string& body) = 0;
  /// Ends what is under way; later questions fail at once.
  virtual void stop() = 0;
};

using RightsServiceFactory =
    std::function<std::unique_ptr<RightsService>(const config::RightsCallback&)>;

}  // namespace deskwire::publishers
