#pragma once

#include <string>
#include <string_view>

#include "core/ids.h"

namespace deskwire::jobs::keys {

// The one place in C++ that knows the names of the job keys; scripts build the same names from the
// prefix. docs/redis-keys.md lists them with their fields. Every key starts with the shard's
// prefix, whose hash tag puts all keys of a shard into one cluster slot.

/// "dw:{7}:", KEYS[1] of every script.
std::string prefix(int shard);

/// j:<id> HASH, the job's fields.
std::string job(int shard, const JobId& id);
/// p:<id> STRING, its packed payload.
std::string payload(int shard, const JobId& id);
/// h:<id> LIST, how its attempts failed.
std::string history(int shard, const JobId& id);
/// c:<lane> HASH, what is known of the conversation.
std::string conversation(std::string_view lane);
/// m:<lane> HASH, helpdesk message id -> our message id.
std::string messages(std::string_view lane);
/// bell LIST, the doorbell: at most one token.
std::string bell(int shard);
/// clk:<lane> HASH, its SLA clocks.
std::string clocks(std::string_view lane);
/// alert:<event id> STRING, what was told, for whoever acknowledges it.
std::string alert(int shard, std::string_view event_id);
/// out LIST, events on their way to global channels.
std::string outgoing(int shard);
/// clockbell LIST, the doorbell of the SLA clocks: at most one token.
std::string clock_bell(int shard);
/// "dw:{0}:layout" STRING, the version of all of this; one for all shards.
std::string layout();
/// The shard in a key's hash tag; -1 when it has none of ours.
int shard_of(std::string_view key);

}  // namespace deskwire::jobs::keys
