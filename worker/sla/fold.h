#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "worker/sla/fact.h"
#include "worker/sla/policy_book.h"
#include "worker/sla/sla_clock.h"

namespace deskwire::worker {

/// All that the facts of one conversation say about its clocks at a moment.
struct SlaFold {
  std::vector<SlaClock> clocks;  ///< By metric, then cycle; those that a policy asked for.
  std::vector<SlaOccurrence> occurrences;  ///< Up to now, in the order in which they are told.
  std::optional<std::int64_t> next_ms;     ///< When there will be more; nullopt: not by itself.
  SlaAttributes attributes;                ///< As last known.
  std::string status;
};

/// The clocks of a conversation as a pure function of its facts (docs/sla.md, "Clocks"). Neither
/// the order in which they came nor repetitions change the result: they are sorted by the time at
/// which they happened, the kind of step, the helpdesk's id, and what they say.
///
/// @param now_ms  Server time. What is due at this very millisecond is told.
SlaFold fold_facts(std::vector<Fact> facts, const PolicyBook& book, std::int64_t now_ms);

/// `sla/<account>/<conversation>/<metric>/<cycle>`: one alert however often it changes.
std::string alert_key(std::string_view account, std::string_view conversation, SlaMetricName metric,
                      int cycle);

/// 32 hexadecimal digits, the same for the same occurrence whoever computes it, and whenever.
std::string event_id(std::string_view account, std::string_view conversation,
                     const SlaOccurrence& occurrence);
/// The id that the violation of this clock's missed due time has or would have.
std::string violation_id(std::string_view account, std::string_view conversation,
                         const SlaClock& clock);

}  // namespace deskwire::worker
