#pragma once

#include "cli/admin_door.h"
#include "config/config.h"
#include "core/clock.h"
#include "core/redis/redis_client.h"
#include "core/snapshot.h"
#include "jobs/job_store.h"

namespace deskwire::cli {

/// The quarantine of refused deliveries, for the admin door:
///
///   GET  /v1/deliveries?source&refusal&since&limit     {"deliveries":[…]}, oldest first
///   GET  /v1/deliveries/{id}[?body=1]                  headers without secrets
///   GET  /v1/deliveries/{id}/verify                    which part of the signature fails
///   POST /v1/deliveries/{id}/replay                    {"reason":"…","dry_run":false}
///
/// @param config  Of now: its secrets and rules judge them anew. Outlives the routes.
AdminDoor::Routes delivery_routes(const Snapshot<const config::Config>& config,
                                  jobs::JobStore& store, redis::Client& client, const Clock& clock);

}  // namespace deskwire::cli
