#pragma once

#include <string>

#include "core/redis/redis_client.h"
#include "core/result.h"

namespace deskwire::jobs {

/// What an operator is about to change that is no job yet.
struct AuditNote {
  std::string verb;    ///< "take_in"
  std::string about;   ///< "delivery"
  std::string name;    ///< Its id.
  std::string made;    ///< The job that it will have; empty: none.
  std::string actor;   ///< Who.
  std::string reason;  ///< Why.
};

/// Writes an entry into the audit log of the lane's shard, before the change: one that is not
/// written down is not made. Blocks for one round trip.
///
/// @errors as redis::Client.
Status write_audit_note(redis::Client& client, const std::string& lane, const AuditNote& note);

}  // namespace deskwire::jobs
