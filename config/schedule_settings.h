#pragma once

#include "config/checks.h"
#include "config/schedule.h"

/// The keys of calendars, for config/settings.h and config/schedule_file.cc.
namespace deskwire::config {

template <typename Visitor>
void visit(Visitor& v, Schedule& s) {
  v.flag("always", s.always);
  v.text("timezone", s.timezone, checks::time_zone);
  v.value("hours", s.hours);
  v.value("overrides", s.overrides);
  v.value("holidays", s.holidays);
  v.value("breaks", s.breaks);
}

template <typename Visitor>
void visit(Visitor& v, ScheduleVersion& s) {
  visit(v, s.schedule);
  v.number("version", s.version, 1, 1000000000);
  v.moment("effective_from", s.effective_from_ms);
}

template <typename Visitor>
void visit(Visitor& v, Calendar& s) {
  visit(v, s.first);
  v.list("changes", s.changes);
}

}  // namespace deskwire::config
