#pragma once

#include <string>
#include <string_view>

#include "config/schedule.h"
#include "core/result.h"

namespace deskwire::config {

/// Reads a schedule of its own, as `deskwire sla deadline --schedule` takes it: the keys of one of
/// `sla.calendars`, with `changes`, or with `schedule_changes: [{"at_utc", "schedule"}]`; or these
/// under the key `schedule`, with what describes a case around it.
///
/// @errors kInvalid: every mistake, a line each.
Result<Calendar> parse_schedule(std::string_view text);

/// @errors those of read_file and parse_schedule.
Result<Calendar> load_schedule(const std::string& path);

}  // namespace deskwire::config
