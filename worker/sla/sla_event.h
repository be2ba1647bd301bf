#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "jobs/clock_store.h"
#include "worker/sla/fold.h"

namespace deskwire::worker {

/// Whose clocks these are, as events name it.
struct SlaSubject {
  std::string account;       ///< The helpdesk's, or the source's name where it has none.
  std::string conversation;  ///< The conversation's key (`42`, `acme~7`).
  std::string assignee;
  std::string team;
  bool mirror = false;  ///< Also on conversation:{key}.
};
SlaSubject subject_of(const SlaFold& fold, std::string_view lane, bool mirror);

/// The stable id of an occurrence and the alert that it belongs to.
std::string event_id(const SlaSubject& subject, const SlaOccurrence& occurrence);
std::string alert_key(const SlaSubject& subject, SlaMetricName metric, int cycle);
/// Where marks of this clock are kept: "first_response/1".
std::string mark_field(SlaMetricName metric, int cycle);

/// How a clock stands, as `deskwire sla`, the on-call board and events show it. Holds "mark", the
/// field of its mark, and the times in Unix ms beside those for people.
nlohmann::json clock_json(const SlaSubject& subject, const SlaClock& clock,
                          const std::string& mark);

/// The event of contract §2 with everything of docs/sla.md, "Events".
/// @param actual_s  What has really passed when it is told, which may be later than it should.
jobs::ClockEvent make_sla_event(const SlaSubject& subject, const SlaOccurrence& occurrence,
                                std::int64_t actual_s, const std::string& mark,
                                std::int64_t generation, std::int64_t now_ms);

/// Whose violation is taken back; without `clock` where the facts know of none any more.
struct Retracted {
  SlaMetricName metric;
  int cycle;
  const SlaClock* clock;
};
/// `sla:retracted`: a late fact undid this violation.
jobs::ClockEvent make_retraction(const SlaSubject& subject, const std::string& violation_id,
                                 const Retracted& what, std::int64_t generation,
                                 std::int64_t now_ms);

}  // namespace deskwire::worker
