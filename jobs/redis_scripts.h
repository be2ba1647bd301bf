#pragma once

#include <string>
#include <vector>

#include "core/channel_log.h"
#include "core/redis/redis_client.h"
#include "jobs/conversation_state.h"

namespace deskwire::jobs::scripts {

// jobs/scripts/*.lua with the prefixes they need, each made once.
const redis::Script& enqueue();
const redis::Script& step();
const redis::Script& intend();
const redis::Script& fail();
const redis::Script& beat();
const redis::Script& release();
const redis::Script& retry();
const redis::Script& replay();
const redis::Script& list();
const redis::Script& counts();
const redis::Script& halt();
const redis::Script& resume();
const redis::Script& drop();
const redis::Script& lane();
const redis::Script& scan();
const redis::Script& prospects();
const redis::Script& batch();
const redis::Script& fsck_keys();
const redis::Script& fsck_lanes();
const redis::Script& fsck_jobs();
const redis::Script& fsck_finished();
const redis::Script& fsck_counts();
const redis::Script& clock_take();
const redis::Script& clock_apply();
const redis::Script& clock_mark();
const redis::Script& clock_restore();
const redis::Script& clock_list();
const redis::Script& clock_adopt();

/// KEYS of every script: the shard's prefix.
std::vector<std::string> keys_of(int shard);

/// The fields of a conversation's hash in the order in which lanes.lua (read_conversation) and
/// read_conversation below have them.
const std::vector<std::string>& conversation_fields();
/// What HMGET of these fields answered.
ConversationState read_conversation(const redis::Reply& values);

/// The arguments "a random epoch, most events of a log, most seconds of a log".
void append_log_limits(std::vector<std::string>& args, const ChannelLogLimits& limits);

}  // namespace deskwire::jobs::scripts
