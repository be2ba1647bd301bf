#pragma once

#include "cli/admin_door.h"
#include "jobs/alert_desk.h"

namespace deskwire::cli {

/// The part of the admin door about SLA clocks:
///
///   GET  /v1/sla/clocks[?conversation=KEY]           as AlertDesk::list
///   POST /v1/sla/alerts/{event_id}/ack  /unack       {"actor"}
///   POST /v1/sla/alerts/{event_id}/snooze            {"actor","duration_s"}; half an hour without
AdminDoor::Routes sla_routes(jobs::AlertDesk& alerts);

/// Longest snooze, and the one that is meant when nobody says how long.
inline constexpr std::int64_t kLongestSnoozeS = 7LL * 86400;
inline constexpr std::int64_t kUsualSnoozeS = 1800;

}  // namespace deskwire::cli
