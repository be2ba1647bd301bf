#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/replies.h"
#include "worker/responder.h"

namespace deskwire::worker {

/// A message of a chat completion.
struct PromptMessage {
  std::string role;  ///< system, user, assistant
  std::string content;
};

/// What a model writes, alone, when people should answer instead.
inline constexpr std::string_view kHandOffMark = "[[handoff]]";

/// What a model is asked. Everything that came from outside, names and labels included, is in the
/// role `user`; the system message holds our rules and the persona's instructions alone. Pure.
///
/// Messages are cut in the middle to `limits.max_message_characters`, with a note of how much is
/// gone; the oldest are left out until everything fits `limits.max_tokens`, with a note too. The
/// message to be answered is always there.
std::vector<PromptMessage> prompt_of(const ReplyContext& context,
                                     const config::ReplyContextLimits& limits);

/// About how many tokens a model counts: a quarter of the letters, or one a character where a
/// character takes three bytes or more.
std::int64_t estimated_tokens(std::string_view text);

}  // namespace deskwire::worker
