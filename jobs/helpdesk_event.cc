#include "jobs/helpdesk_event.h"

#include <algorithm>

namespace deskwire::jobs {
namespace {

constexpr std::size_t kUlidLength = 26;

bool is_crockford(char c) {
  return (c >= '0' && c <= '9') ||
         (c >= 'A' && c <= 'Z' && c != 'I' && c != 'L' && c != 'O' && c != 'U');
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::string_view name_of(SenderType type) {
  switch (type) {
    case SenderType::kContact:
      return "contact";
    case SenderType::kUser:
      return "user";
    case SenderType::kBot:
      return "bot";
    case SenderType::kSystem:
      return "system";
  }
  return "system";
}

std::string_view name_of(HelpdeskEvent::Kind kind) {
  switch (kind) {
    case HelpdeskEvent::Kind::kMessageCreated:
      return "message_created";
    case HelpdeskEvent::Kind::kMessageUpdated:
      return "message_updated";
    case HelpdeskEvent::Kind::kConversationCreated:
      return "conversation_created";
    case HelpdeskEvent::Kind::kConversationStatus:
      return "conversation_status";
    case HelpdeskEvent::Kind::kConversationUpdated:
      return "conversation_updated";
    case HelpdeskEvent::Kind::kConversationDeleted:
      return "conversation_deleted";
    case HelpdeskEvent::Kind::kTypingOn:
      return "typing_on";
    case HelpdeskEvent::Kind::kTypingOff:
      return "typing_off";
    case HelpdeskEvent::Kind::kContactCreated:
      return "contact_created";
    case HelpdeskEvent::Kind::kOther:
      return "other";
  }
  return "other";
}

std::string our_message_id(std::string_view root_job, int ordinal) {
  std::string id(kOurSourcePrefix);
  id += root_job;
  id += '-';
  id += std::to_string(ordinal);
  return id;
}

bool is_our_message_id(std::string_view source_id) {
  if (source_id.substr(0, kOurSourcePrefix.size()) != kOurSourcePrefix) return false;
  source_id.remove_prefix(kOurSourcePrefix.size());
  if (source_id.size() < kUlidLength + 2 || source_id.size() > kUlidLength + 6) return false;
  const std::string_view job = source_id.substr(0, kUlidLength);
  const std::string_view ordinal = source_id.substr(kUlidLength + 1);
  return std::all_of(job.begin(), job.end(), is_crockford) && source_id[kUlidLength] == '-' &&
         std::all_of(ordinal.begin(), ordinal.end(), is_digit);
}

}  // namespace deskwire::jobs
