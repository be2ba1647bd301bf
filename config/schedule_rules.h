#pragma once

#include <string>

#include "config/problems.h"
#include "config/schedule.h"

namespace deskwire::config {

/// Checks what concerns several keys of a calendar: a zone where one is needed, dates that are both
/// holidays and overrides, versions out of order.
void check_calendar(const Calendar& calendar, const std::string& path, Problems& problems);

/// Whether the schedule opens on one of the 400 days from `first` on.
bool opens_within_horizon(const Schedule& schedule, LocalDay first);

}  // namespace deskwire::config
