#pragma once

#include <cstdint>
#include <string>

namespace deskwire::jobs {

/// What is known of a conversation from webhooks, kept beside its lane. Guards read it just before
/// the intent and before every post. Fields are empty while unknown.
struct ConversationState {
  std::string status;         ///< open, resolved, pending, snoozed
  std::string assignee_type;  ///< "user", "bot", "none"
  std::string assignee_id;
  std::string last_sender;      ///< contact, user, bot, system: of the newest public message
  std::string last_message_id;  ///< Of that message.
  std::string inbox_kind;
  std::string contact_name;
  std::string source;  ///< config sources[].name
  /// Set when we gave the conversation to people, until they give it back: the webhook of a
  /// conversation (not of a message) says pending, resolved or assigned to a bot.
  std::string handed_off;
  std::int64_t updated_at_ms = 0;  ///< Helpdesk time of the newest state taken in.
};

}  // namespace deskwire::jobs
