#pragma once

#include <string>
#include <string_view>

#include "core/result.h"

namespace deskwire {

/// A conversation's key: `{id}` for the source with the empty namespace, else `{namespace}~{id}`.
/// It names the lane, the channel (`conversation:{key}`) and, by its hash, the shard.
///
/// @param id  As the helpdesk writes it; anything outside [A-Za-z0-9_.-]{1,64} becomes `h-` + 26
///            base32 characters of its SHA-256 (contract §2).
std::string conversation_key(std::string_view name_space, std::string_view id);

/// `h-…` where needed, otherwise the id itself.
std::string channel_safe_id(std::string_view id);

/// `conversation:{key}` and `conversation:{key}:internal`.
std::string conversation_channel(std::string_view key);
std::string internal_channel(std::string_view key);

/// The conversation key inside a channel name; empty when it is not a conversation's channel.
std::string_view conversation_of(std::string_view channel);

/// True for `…:internal`, `agents`, `oncall`, `ops`: granted only by a resource ending in that
/// word.
bool is_restricted_channel(std::string_view channel);

/// Checks a channel name from outside: 1..200 bytes, segments of [A-Za-z0-9_.~-] separated by
/// ':', none empty.
/// @errors kInvalid with the reason.
Status validate_channel(std::string_view channel);

/// Checks a pattern of channels: a channel's name in which `*` may stand for whole segments.
/// @errors kInvalid with the reason.
Status validate_channel_pattern(std::string_view pattern);

/// Shard 0..15 = crc16 mod 16 of the conversation key, or of the whole name for other channels.
int shard_of_lane(std::string_view conversation_key);
int shard_of_channel(std::string_view channel);

}  // namespace deskwire
