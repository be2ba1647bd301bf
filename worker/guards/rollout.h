#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "config/replies.h"

namespace deskwire::worker {

/// Whether and how a conversation is answered.
enum class Rollout : std::uint8_t {
  kOff,     ///< Not switched on here, or not one of the chosen percent.
  kShadow,  ///< Written, but for people only.
  kOn,
};

/// Config replies.enabled, percent, shadow and rollout. The same conversation always falls on the
/// same side of a percentage, and stays chosen when it grows. Pure.
Rollout rollout_of(const config::Replies& replies, std::string_view source, std::string_view inbox,
                   std::string_view conversation);

/// The name of the persona that speaks in a conversation.
std::string persona_of(const config::Replies& replies, std::string_view source,
                       std::string_view inbox);

}  // namespace deskwire::worker
