#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/result.h"
#include "worker/helpdesk_client.h"
#include "worker/responder.h"

namespace deskwire::worker {

/// The public messages of a conversation.
///
/// Thread safety: every method may be called concurrently; blocking.
class ConversationHistory {
 public:
  virtual ~ConversationHistory() = default;
  /// The newest `limit` messages before `message_id`.
  virtual Result<History> before(const ConversationRef& conversation, HelpdeskClient& client,
                                 const std::string& message_id, std::size_t limit) = 0;
};

}  // namespace deskwire::worker
