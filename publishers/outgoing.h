#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "config/config.h"
#include "jobs/job_store.h"
#include "publishers/access.h"
#include "publishers/codes.h"
#include "publishers/operations.h"

namespace deskwire::publishers {

/// A message of our own clients, ready to be enqueued.
struct PreparedMessage {
  jobs::EnqueueRequest request;
  std::string message_id;  ///< As channels will know it.
};

/// Turns `send` into the same event that a helpdesk's webhook would have brought.
///
/// @return 40160, 40001, 41300, 40400 (no source has this conversation) or 40301 (it belongs to a
///         helpdesk that must hear of the message first).
Answer<PreparedMessage> prepare_message(const Principal& principal, const Outgoing& message,
                                        const config::Config& config, std::int64_t now_ms);

/// The source whose namespace a conversation key carries; null when there is none.
const config::Source* source_of_conversation(const config::Config& config, std::string_view key);

/// Characters, not bytes, of UTF-8 text.
std::size_t count_characters(std::string_view text);

}  // namespace deskwire::publishers
