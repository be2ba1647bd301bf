#pragma once

#include <cstdint>

#include "config/problems.h"
#include "config/sla.h"

namespace deskwire::config {

/// Checks what concerns several keys under `sla`: names that must exist, calendars that must open,
/// warnings that must come before their target, ladders that must climb.
///
/// @param now_ms  Calendars must open within 400 days from here.
void check_sla(const Sla& sla, std::int64_t now_ms, Problems& problems);

}  // namespace deskwire::config
