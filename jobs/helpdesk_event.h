#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace deskwire::jobs {

/// Who wrote or typed something.
enum class SenderType : std::uint8_t { kContact, kUser, kBot, kSystem };
std::string_view name_of(SenderType type);  ///< "contact" "user" "bot" "system"

struct Sender {
  std::string id;  ///< The helpdesk's id as text; empty for system.
  std::string name;
  SenderType type = SenderType::kSystem;
};

struct Attachment {
  std::string kind;  ///< image, audio, video, file, location, …
  std::string url;   ///< http(s) only, else empty.
  std::string name;
  std::int64_t size = 0;
};

/// What a webhook said, in the words of the contract. Only `webhooks/sources/<vendor>.cc` knows the
/// vendor's field names; everything behind it knows only this.
struct HelpdeskEvent {
  enum class Kind : std::uint8_t {
    kMessageCreated,
    kMessageUpdated,
    kConversationCreated,
    kConversationStatus,   ///< status changed (or opened, resolved)
    kConversationUpdated,  ///< assignee, priority, labels, custom attributes
    kConversationDeleted,  ///< Gone, or merged into another one (`merged`).
    kTypingOn,
    kTypingOff,
    kContactCreated,
    kOther,  ///< Without effect: contact_updated, inbox_*, webwidget_*, names we do not know.
  };
  Kind kind = Kind::kOther;
  std::string vendor_event;        ///< "message_created"; for logs and dedupe. [a-z_.]{1,64}
  std::string delivery_id;         ///< The sender's, where it stands in the body.
  std::string account_id;          ///< Empty when the payload does not say.
  std::string object_id;           ///< The message's, conversation's or contact's id.
  std::string conversation_id;     ///< The helpdesk's id; empty for contact and inbox events.
  std::int64_t created_at_ms = 0;  ///< When the helpdesk made the object; 0 unknown.
  std::int64_t updated_at_ms = 0;  ///< Of the conversation, newest known; 0 unknown.

  // Messages
  bool incoming = false;    ///< From the customer.
  bool is_private = false;  ///< A note, or private typing.
  bool activity = false;    ///< Chatwoot "activity": never has an effect.
  std::string content;      ///< Plain text or Markdown, HTML cleaned, ≤ 150,000 characters.
  std::string content_type = "text";
  std::vector<Attachment> attachments;
  Sender sender;
  std::string source_id;  ///< As the poster set it; ours start with kOurSourcePrefix.
  /// The vendor does not give our source_id back: own posts are known by their helpdesk id.
  bool own_by_id = false;
  std::string in_reply_to;
  std::optional<std::string>
      submitted_choice;        ///< message_updated: what the visitor picked (title).
  bool edited = false;         ///< message_updated: the content may be another one now.
  bool surely_edited = false;  ///< And is taken for one where the former content is not known.
  bool deleted = false;
  std::string message_status;  ///< message_updated: sent, delivered, read, failed; or empty.
  std::string failure;         ///< Of a failed one: the channel's word on why, ≤ 256 characters.

  // Conversation, as far as the payload carries it (empty: unknown)
  std::string status;  ///< open, resolved, pending, snoozed
  std::string assignee_id;
  std::string assignee_name;
  std::string assignee_type;    ///< "user", "bot" or empty.
  bool assignee_known = false;  ///< The payload carried an assignee field, maybe null.
  /// Of the contact: names -> texts (e-mail, plan, …), for replies; never logged.
  std::map<std::string, std::string> contact_attributes;
  std::string inbox_kind;  ///< "Channel::Api", …
  std::string contact_id;
  std::string contact_name;
  std::string inbox_id;
  /// What SLA policies may look at. Empty: nobody's; unset: the payload does not say.
  std::optional<std::string> priority;  ///< urgent, high, medium, normal, low, …
  std::optional<std::string> team;      ///< Its name, or its id where it has none.
  std::optional<std::vector<std::string>> labels;
  /// Single values of custom attributes: "contact.plan" -> "gold", "conversation.tier" -> "2".
  std::map<std::string, std::string> attributes;
  std::string helpdesk_sla;  ///< Name of the policy that the helpdesk itself applied.
  /// The helpdesk's own clocks: since when the customer waits, and the first human answer. 0: none.
  std::int64_t waiting_since_ms = 0;
  std::int64_t first_reply_at_ms = 0;
  bool merged = false;  ///< kConversationDeleted: into another conversation.
  /// Changed attributes: name -> (from, to) as JSON texts. Names: status, assignee, priority,
  /// labels, team, custom_attributes, snoozed_until; others are not taken over.
  std::map<std::string, std::pair<std::string, std::string>> changes;

  /// Sandbox only: what the visitor asked the sandbox to play ("post" -> "fail", "think_ms" -> …).
  std::map<std::string, std::string> simulate;
};

std::string_view name_of(HelpdeskEvent::Kind kind);  ///< "message_created", …; for facts.

/// `source_id` of our own posts starts with this; the rest is the root job's id and an ordinal.
inline constexpr std::string_view kOurSourcePrefix = "dw-";
/// Our message id, the same for every attempt and replay of a root job: "dw-01J…-1".
std::string our_message_id(std::string_view root_job, int ordinal);
/// True for what our_message_id makes.
bool is_our_message_id(std::string_view source_id);

}  // namespace deskwire::jobs
