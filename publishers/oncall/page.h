#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "config/sla.h"
#include "publishers/sinks/alert_sink.h"

namespace deskwire::publishers {

/// What a page is about.
struct PageSubject {
  const std::vector<nlohmann::json>& states;  ///< Of OnCallDesk, at least one.
  std::size_t more = 0;                       ///< Alerts beyond these.
  std::size_t unread = 0;                     ///< Conversations that could not be read back.
  Alert::Action action = Alert::Action::kTrigger;
  const std::vector<config::SlaStep>& ladder;
  std::size_t step = 0;  ///< The rung that was reached, for "who is next".
};

/// What people are told, made at the moment of sending from the newest state of each alert; several
/// become one page with a count and a list. Pure.
Alert make_page(const PageSubject& subject, const config::Sla& sla, std::int64_t now_ms);

/// Milliseconds of a field that holds Unix ms or ISO 8601; 0: neither.
std::int64_t moment_at(const nlohmann::json& data, std::string_view key);

}  // namespace deskwire::publishers
