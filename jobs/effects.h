#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/event.h"

namespace deskwire::jobs {

/// How long effects, and what intents saved for them, are remembered: longer than dead letters.
inline constexpr std::int64_t kEffectSeconds = 31LL * 86400;

/// So long, at least, a post that cannot be seen may still be on its way (a slow helpdesk, an echo
/// webhook to come). Counted from the intent, and anew from each look after this time, for whoever
/// looks then may post again.
inline constexpr std::int64_t kEffectSettleMs = 10'000;

/// Key of a root job's effect: the same for all its attempts and replays.
///
/// @param step  Which effect of the job: "reply".
std::string effect_key(std::string_view root_job, std::string_view step = "reply");

/// The root job inside one of our message ids ("dw-<root>-1"); empty when it is not one.
std::string_view root_of_message(std::string_view our_message_id);

/// An `unfinished` event with its placeholders (kNowPlaceholder, kReasonPlaceholder, timestamp −1)
/// filled in.
///
/// @param reason  Anything outside [A-Za-z0-9_.:-] becomes "_": it lands inside a JSON string.
Event filled_event(const Event& unfinished, std::int64_t now_ms, std::string_view reason);

/// The same event as scripts keep it until the job is closed: channel, id, kept, once and envelope
/// tail, one a line. They fill in `@now@` and `@reason@`.
std::string unfinished_record(const Event& unfinished);

/// What `@reason@` says for a job that ended as completed without its effect:
/// "skipped:answered_by_human" -> "answered_by_human".
std::string_view reason_of_outcome(std::string_view outcome);

}  // namespace deskwire::jobs
