#pragma once

#include <string_view>

#include "core/result.h"

namespace deskwire::redis {

/// An error reply ("WRONGTYPE Operation against …") as our error. The classes stand in
/// redis_client.h.
///
/// @param operation  What was asked ("HSET", "enqueue.lua"), for the message.
Error error_of_reply(std::string_view operation, std::string_view text);

}  // namespace deskwire::redis
