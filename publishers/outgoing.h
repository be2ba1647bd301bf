#pragma once

#include <cstdint>
#include <optional>
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
  /// It is written into a helpdesk by a job; possible only where the conversation is of an API
  /// inbox (see check_inbox).
  bool into_helpdesk = false;
};

/// Turns `send` into the same event that a helpdesk's webhook would have brought.
///
/// @return 40160, 40001, 41300, 40400 (no source has this conversation) or 40301 (its helpdesk
///         takes no messages from us).
Answer<PreparedMessage> prepare_message(const Principal& principal, const Outgoing& message,
                                        const config::Config& config, std::int64_t now_ms);

/// Whether messages may be written into a conversation of Chatwoot: into those of API inboxes only,
/// of which a webhook must have told us.
/// @return The refusal, 40301; nullopt: go on.
std::optional<Refusal> check_inbox(const jobs::ConversationState& state);

/// The id under which channels know a message whose enqueue turned out to be a repeat.
std::string repeated_message_id(const std::string& first_receipt, bool into_helpdesk);

/// The source whose namespace a conversation key carries; null when there is none.
const config::Source* source_of_conversation(const config::Config& config, std::string_view key);

/// Characters, not bytes, of UTF-8 text.
std::size_t count_characters(std::string_view text);

}  // namespace deskwire::publishers
