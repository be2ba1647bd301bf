#pragma once

#include <string>

#include "jobs/event_table.h"
#include "jobs/helpdesk_event.h"

namespace deskwire::jobs {

/// A helpdesk event as the SLA clocks need it, one JSON object (docs/sla.md, "Facts"): what
/// happened and when, and what policies match on. Never anything that people wrote: of custom
/// attributes only those that a policy names.
std::string encode_fact(const HelpdeskEvent& event, const EventContext& context);

}  // namespace deskwire::jobs
