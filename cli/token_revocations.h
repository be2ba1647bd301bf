#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/admin_door.h"
#include "config/config.h"
#include "core/clock.h"
#include "core/redis/redis_client.h"
#include "core/result.h"
#include "jobs/operator_store.h"
#include "publishers/revocation_feed.h"

namespace deskwire::cli {

/// Which tokens are to be revoked, as the command line and the admin door take it.
struct RevocationOrder {
  std::string client_id;      ///< Empty: every client's.
  std::string issued_before;  ///< As parse_since; empty: until now, only with a client.
};

/// Writes the audit entry, then revokes.
/// @errors kInvalid: neither of both, an id over 128 bytes, or no moment in the past. Those of
///         publishers::store_revocation.
Result<publishers::Revocation> revoke_tokens(redis::Client& client, const RevocationOrder& order,
                                             const jobs::Operator& by,
                                             const config::Gateway& settings, std::int64_t now_ms);

nlohmann::json to_json(const publishers::Revocation& revocation);

/// For the admin door:
///
///   GET  /v1/tokens/revocations?limit     {"revocations":[…]}, newest first
///   POST /v1/tokens/revocations           {"clientId"?,"issuedBefore"?,"actor"?,"reason"?}
AdminDoor::Routes token_routes(const config::Gateway& settings, redis::Client& client,
                               const Clock& clock);

}  // namespace deskwire::cli
