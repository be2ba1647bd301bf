#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace deskwire::worker {

/// What policies match on, as far as it is known. Unset: nothing was said about it yet.
struct SlaAttributes {
  std::string source;
  std::string account;
  std::optional<std::string> inbox;
  std::optional<std::string> priority;  ///< "" : none.
  std::optional<std::string> team;
  std::optional<std::string> assignee;
  std::optional<std::string> helpdesk_sla;
  std::optional<std::vector<std::string>> labels;
  std::map<std::string, std::string> custom;  ///< "contact.plan" -> "gold"

  /// Takes over whatever `news` says.
  void merge(const SlaAttributes& news);
};

/// One entry of a conversation's fact log (jobs/fact_encoding.h), read.
struct Fact {
  enum class Kind : std::uint8_t {
    kCustomerMessage,
    kHumanResponse,  ///< Public, by an agent.
    kOtherResponse,  ///< Public, by a bot, an automation or a macro.
    kConversation,   ///< Created or updated: tells of its state.
    kDeleted,
    kMerged,  ///< Into another conversation.
    kOther,   ///< Private notes, typing and the like: no effect on a clock.
  };
  Kind kind = Kind::kOther;
  std::int64_t received_ms = 0;  ///< By the server's clock, when it came.
  std::int64_t at_ms = 0;        ///< When it happened; see kMaxSkewMs.
  std::int64_t known_at_ms = 0;  ///< Of the conversation's state that it carries.
  std::string sequence;          ///< Orders messages of one instant: the helpdesk's id.
  /// The same for what is the same: a fact that came again under another delivery.
  std::string identity;
  std::string status;    ///< open, pending, …; empty: unknown.
  bool creates = false;  ///< The conversation; its status is the first one.
  SlaAttributes attributes;
  std::int64_t conversation_created_ms = 0;
  std::int64_t waiting_since_ms = 0;  ///< The helpdesk's own: the customer waits since then.
  std::int64_t first_reply_at_ms = 0;
};

/// A fact cannot have happened later than this after it came: clocks of helpdesks run ahead.
inline constexpr std::int64_t kMaxSkewMs = 5000;

/// @param received_ms  Server time at which the log took it in.
/// @errors kCorrupt: no fact of ours.
Result<Fact> decode_fact(std::string_view text, std::int64_t received_ms);

}  // namespace deskwire::worker
