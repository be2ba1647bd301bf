#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/config.h"
#include "jobs/job_store.h"
#include "jobs/reply_payload.h"

namespace deskwire::worker {

/// True when the message `id` is surely newer than `than`: helpdesks' ids are integers that grow;
/// ids of equal length are compared as text (ULIDs); anything else is not comparable, so false.
bool is_newer_message(std::string_view id, std::string_view than);

/// What the guards look at, besides the payload.
struct GuardFacts {
  jobs::ConversationState state;
  /// The newest public message is one of our own posts (of an earlier job), so it does not answer
  /// this one.
  bool last_message_is_ours = false;
  std::int64_t now_ms = 0;
  bool replayed = false;  ///< An operator asked for it now: its age does not count.
  /// An operator asked for it: that the conversation was handed over meanwhile (as a dead reply
  /// does) does not count either, while no person has taken it up.
  bool taken_back = false;
};

/// Why the message must not be answered (any more): "handed_off", "closed", "not_pending",
/// "assigned_to_human", "answered_by_human", "stale". nullopt: answer it. Pure.
///
/// Chatwoot: only conversations that are pending or assigned to our bot. Other sources have no such
/// state machine: only a human assignee or a closed conversation keeps us out. What is unknown
/// does not.
std::optional<std::string> reason_to_skip(const jobs::ReplyPayload& payload,
                                          const GuardFacts& facts, const config::Source& source,
                                          const config::Replies& replies);

}  // namespace deskwire::worker
