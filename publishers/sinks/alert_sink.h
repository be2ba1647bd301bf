#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/result.h"

namespace deskwire::publishers {

/// One page for people elsewhere: complete, so that whoever is woken needs nothing else.
struct Alert {
  enum class Action : std::uint8_t { kTrigger, kAcknowledge, kResolve };
  Action action = Action::kTrigger;
  std::string id;         ///< Of this notification; the same for each attempt to deliver it.
  std::string dedup_key;  ///< The same for everything about one alert, at most 255 bytes.
  std::string name;       ///< "HelpdeskSLA", "DeskwireAlert".
  std::string event;      ///< "sla:violation"
  std::string severity;   ///< warning, critical
  std::string summary;    ///< One line: what, of whom, how late.
  /// What identifies it, for systems that group by labels: policy, metric, conversation, cycle, …
  std::map<std::string, std::string> labels;
  /// Why, what to do, who is next, and figures, in the order in which people read them.
  std::vector<std::pair<std::string, std::string>> details;
  std::int64_t since_ms = 0;
  std::string link;        ///< To the conversation, or empty.
  std::string board_link;  ///< Where it can be acknowledged, or empty.
  std::int64_t now_ms = 0;
  /// The helpdesk could not be asked whether it still holds; "unverified" of `details` says why.
  bool unverified = false;
};

std::string_view name_of(Alert::Action action);

/// Port: one place outside to which alerts are sent. At least once: every call may come again with
/// the same dedup_key, which the receiver recognises.
///
/// Thread safety: send may be called concurrently and blocks up to the sink's timeout.
class AlertSink {
 public:
  virtual ~AlertSink() = default;

  /// @errors kRateLimited (with retry_after), kUnavailable, kTimeout, kUnknownOutcome: try again.
  ///         kInvalid, kNotFound, kDenied, kUnauthorized, kTooLarge: the same call fails again.
  virtual Status send(const Alert& alert) = 0;

  /// A sink that forgets what it is not told again: how long a firing alert, or its end, lasts
  /// there without another call; zero: for ever.
  virtual std::chrono::milliseconds memory() const { return std::chrono::milliseconds(0); }
  /// Whether it groups alerts by itself and wants each of them.
  virtual bool groups_itself() const { return false; }
};

/// Whether another attempt can help.
bool is_temporary(ErrorCode code);

}  // namespace deskwire::publishers
