#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "core/clock.h"
#include "core/result.h"

namespace deskwire::cli {

/// What would become of a webhook's message.
struct ReplyTrial {
  std::string decision;  ///< reply, shadow, handoff, skip, none (no job at all), failed
  std::string reason;    ///< Why; for `reply` which responder.
  std::string event;     ///< "message_created"
  std::string conversation;
  std::string persona;
  std::string text;
  std::vector<std::string> suggestions;
  std::int64_t tokens = 0;
  double parse_ms = 0;
  double answer_ms = 0;
  double first_token_ms = 0;
};

/// Runs a webhook's body through everything that decides about an answer, and writes one (a model
/// is really asked), without a helpdesk, Redis or any effect. What only a running server knows is
/// taken as unknown: earlier messages, breakers, budgets, and the conversation's state but for what
/// the body itself says.
///
/// @errors as SourceParser::parse.
Result<ReplyTrial> try_reply(const config::Config& config, const config::Source& source,
                             std::string_view body, const Clock& clock);

}  // namespace deskwire::cli
