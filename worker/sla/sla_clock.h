#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "worker/sla/calendar.h"
#include "worker/sla/policy_book.h"

namespace deskwire::worker {

enum class SlaState : std::uint8_t { kRunning, kPaused, kBreached, kMet, kMetLate, kCancelled };
std::string_view name_of(SlaState state);  ///< "met_late"

/// Something that happened to a clock; it becomes an event.
struct SlaOccurrence {
  enum class Kind : std::uint8_t { kWarning, kViolation, kMet, kPaused, kResumed, kCancelled };
  Kind kind = Kind::kWarning;
  SlaMetricName metric = SlaMetricName::kFirstResponse;
  int cycle = 1;
  config::SlaWarning level = {};  ///< kWarning only.
  std::int64_t instant_ms = 0;    ///< The moment it is about: the due time of a violation.
  std::int64_t at_ms = 0;         ///< The moment at which it is to be told.
  std::int64_t threshold_s = 0;
  std::int64_t actual_s = 0;
  bool late = false;        ///< kMet: after its due time.
  bool silent = false;      ///< Nobody is to be woken: imported, or before enforce_from.
  std::string reason = {};  ///< kCancelled: resolved, merged, deleted, no_policy.
  SlaTarget target = {};    ///< At that moment.
  std::int64_t start_ms = 0;
  std::optional<std::int64_t> due_ms = std::nullopt;
  std::int64_t paused_s = 0;
};
std::string_view name_of(SlaOccurrence::Kind kind);  ///< "violation"

/// How a clock stands.
struct SlaClock {
  SlaMetricName metric = SlaMetricName::kFirstResponse;
  int cycle = 1;
  SlaState state = SlaState::kRunning;
  SlaTarget target;
  std::int64_t start_ms = 0;
  std::int64_t end_ms = 0;             ///< 0: not ended.
  std::optional<std::int64_t> due_ms;  ///< Unset while paused, or where no opening comes.
  std::int64_t elapsed_ms = 0;
  std::int64_t paused_ms = 0;
  bool breached = false;
  std::int64_t breach_due_ms = 0;  ///< Which due time was missed.
  std::vector<config::SlaWarning> warned;
  bool silent = false;
  std::string reason;  ///< Of a cancellation.

  bool ended() const { return end_ms != 0; }
};

}  // namespace deskwire::worker
