#pragma once

#include <map>
#include <string>

#include "core/result.h"

namespace deskwire::worker {

struct ReplyContext {
  std::string conversation;
  std::string content;       ///< What the customer wrote.
  std::string contact_name;  ///< Empty when unknown.
  std::map<std::string, std::string> simulate;
};

/// Asked by long-running responders; true: give up with kCancelled.
class Cancellation {
 public:
  virtual ~Cancellation() = default;
  virtual bool cancelled() const = 0;
  /// Sleeps until `ms` are over or it is cancelled; false: cancelled.
  virtual bool sleep_ms(std::int64_t ms) = 0;
};

/// Writes the answer. Thread safety: every method may be called concurrently.
///
/// @errors kInvalid: permanent. kUnavailable, kTimeout: retryable. kRateLimited. kCancelled.
class Responder {
 public:
  virtual ~Responder() = default;
  virtual Result<std::string> reply(const ReplyContext& context, Cancellation& cancellation) = 0;
};

}  // namespace deskwire::worker
