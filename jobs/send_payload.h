#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"

namespace deskwire::jobs {

/// Kind of the jobs that bring a message of our own clients into a helpdesk.
inline constexpr std::string_view kSendKind = "send";

/// Payload of a job of kind `send`.
struct SendPayload {
  std::string source;           ///< config sources[].name
  std::string conversation_id;  ///< The helpdesk's id.
  std::string account_id;
  std::string content;
  bool from_agent = false;  ///< Else from the customer.
};

/// As JSON; decode_send reads what encode wrote, and older versions of it.
std::string encode(const SendPayload& payload);
/// @errors kCorrupt: not what encode wrote.
Result<SendPayload> decode_send(std::string_view text);

}  // namespace deskwire::jobs
