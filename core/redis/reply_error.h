#pragma once

#include <string_view>

#include "core/result.h"

namespace deskwire::redis {

/// An error reply ("WRONGTYPE Operation against …") as our error. The classes stand in
/// redis_client.h. Of "FOREIGN …", which scripts of ours answer, the rest is the whole message.
///
/// @param operation  What was asked ("HSET", "enqueue.lua"), for the message.
Error error_of_reply(std::string_view operation, std::string_view text);

/// Whether the answer says that this server refuses, without having done anything, what another one
/// (the new master after a failover) or a later one would take.
bool refused_by_this_server(std::string_view text);

}  // namespace deskwire::redis
