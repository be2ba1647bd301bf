#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "core/event.h"
#include "core/result.h"
#include "publishers/oncall/on_call_store.h"

namespace deskwire::publishers {

/// A condition of Deskwire itself, as it is now.
struct AlertReading {
  std::string name;      ///< "dead_jobs"
  std::string instance;  ///< The process's machine; empty: of the whole installation.
  bool firing = false;
  std::string severity;  ///< warning, critical
  std::string summary;
  std::string reason;
  std::string advice;
};

/// Publishes `alert:firing` and `alert:resolved` on `ops`, once an episode however many processes
/// read the same condition. An episode ends when the condition has been absent for a while.
///
/// The state lies in the store, under `w|<name>|<instance>`; an announcement that a killed process
/// did not confirm is repeated with the same id by the next one.
///
/// Data: `{name, severity, summary, since, instance, alert_key, event_id, reason, advice,
/// timestamp}`, times in Unix ms.
///
/// Thread safety: observe may be called concurrently; it blocks for a few round trips.
class AlertWatch {
 public:
  using Publish = std::function<Status(const Event&)>;
  AlertWatch(OnCallStore& store, Publish publish, std::int64_t clear_for_s)
      : store_(store), publish_(std::move(publish)), clear_for_ms_(clear_for_s * 1000) {}

  /// @errors those of the store and of publishing; the next call goes on from there.
  Status observe(const AlertReading& reading, std::int64_t now_ms);

 private:
  Status announce(const AlertReading& reading, const char* name, std::int64_t since_ms,
                  std::int64_t now_ms) const;

  OnCallStore& store_;
  const Publish publish_;
  const std::int64_t clear_for_ms_;
};

}  // namespace deskwire::publishers
