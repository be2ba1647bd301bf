#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "jobs/helpdesk_event.h"

namespace deskwire::jobs {

/// The arguments of a `reply` job: written by the receiver and the gateway, read by the worker.
/// Stored as JSON with a version; unknown fields are ignored, so that an older worker can run it.
struct ReplyPayload {
  std::string source;           ///< config sources[].name
  std::string conversation;     ///< The conversation key (lane).
  std::string conversation_id;  ///< The helpdesk's id.
  std::string account_id;
  std::string message_id;  ///< Of the message to answer.
  std::string shown_id;    ///< The same as channels know it, where that is another one.
  std::string content;
  std::string contact_name;
  std::string status;  ///< Of the conversation when the message came.
  std::string assignee_type;
  std::string assignee_id;
  std::string inbox_id;
  std::vector<std::string> labels;                ///< Of the conversation.
  std::map<std::string, std::string> attributes;  ///< Of the contact.
  std::vector<std::string> attachments;           ///< "image photo.png", one each.
  std::int64_t created_at_ms = 0;                 ///< The helpdesk's time.
  std::int64_t accepted_at_ms = 0;                ///< Ours.
  std::map<std::string, std::string> simulate;
};

std::string encode(const ReplyPayload& payload);
/// What several messages of one customer say together, as if it were one: their contents line by
/// line, the first one's time of acceptance, the rest from the last.
/// @param burst  In order, at least one.
ReplyPayload joined(std::vector<ReplyPayload> burst);
/// @errors kCorrupt: not our JSON, or without source, conversation or message_id.
Result<ReplyPayload> decode_reply(std::string_view text);

}  // namespace deskwire::jobs
