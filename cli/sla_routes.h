#pragma once

#include "cli/admin_door.h"
#include "core/clock.h"
#include "jobs/alert_desk.h"

namespace deskwire::cli {

/// The part of the admin door about SLA clocks:
///
///   GET  /v1/sla/clocks[?conversation=KEY]           as AlertDesk::list
///   POST /v1/sla/alerts/{event_id}/ack  /unack       {"actor"}
///   POST /v1/sla/alerts/{event_id}/snooze            {"actor"} and as publishers::read_snooze
AdminDoor::Routes sla_routes(jobs::AlertDesk& alerts, const Clock& clock);

}  // namespace deskwire::cli
