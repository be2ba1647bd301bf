#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "worker/sla/sla_clock.h"

namespace deskwire::worker {

/// One clock while the facts of its conversation are walked through in the order of time.
///
/// Between two facts its target and pauses are the same, so what becomes due in between is known:
/// `advance` collects it. An answer at the very due time is in time, so everything is collected up
/// to, not including, the moment of the next fact.
class RunningClock {
 public:
  /// @param seen_ms  When the fact that starts it came in.
  RunningClock(SlaMetricName metric, int cycle, std::int64_t start_ms, std::int64_t seen_ms)
      : metric_(metric), cycle_(cycle), start_ms_(start_ms), seen_ms_(seen_ms) {}

  /// What applies from `at_ms` on. Without a target it is nobody's clock, until it has one again.
  void apply(const std::optional<SlaTarget>& target, std::vector<Pause> pauses, std::int64_t at_ms);
  /// Time passes, up to and excluding `until_ms`.
  void advance(std::int64_t until_ms);
  void meet(std::int64_t at_ms);
  void cancel(std::int64_t at_ms, std::string reason);
  /// Goes on after it was met (resolution reopened); what was missed stays missed.
  void reopen(std::int64_t at_ms);

  SlaMetricName metric() const { return metric_; }
  bool open() const { return end_ms_ == 0; }
  bool visible() const { return target_.has_value(); }
  std::int64_t start_ms() const { return start_ms_; }
  const std::optional<SlaTarget>& target() const { return target_; }
  /// When `advance` will next have something to tell; nullopt: nothing is to come.
  std::optional<std::int64_t> next_ms() const;
  SlaClock snapshot(std::int64_t now_ms) const;
  const std::vector<SlaOccurrence>& occurrences() const { return occurrences_; }

 private:
  struct WarnPoint {
    config::SlaWarning level;
    std::int64_t after_ms = 0;
    std::int64_t at_ms = 0;
    bool told = false;
  };
  struct Breach {
    std::int64_t due_ms = 0;
    std::int64_t tell_ms = 0;  ///< After the grace for facts that are on their way.
    bool told = false;
  };

  void tell(SlaOccurrence::Kind kind, std::int64_t instant_ms, std::int64_t at_ms,
            SlaOccurrence occurrence = {});
  void note_pause(bool paused, std::int64_t at_ms);
  void measure();
  bool superseded(const WarnPoint& point) const;
  std::int64_t elapsed_ms(std::int64_t until_ms) const;
  std::int64_t paused_ms(std::int64_t until_ms) const;
  bool silent() const;

  const SlaMetricName metric_;
  const int cycle_;
  const std::int64_t start_ms_;
  const std::int64_t seen_ms_;
  std::optional<SlaTarget> target_;
  std::vector<Pause> pauses_;
  bool paused_ = false;
  std::int64_t since_ms_ = 0;  ///< Target and pauses apply since then.
  std::optional<std::int64_t> due_ms_;
  std::vector<WarnPoint> warnings_;
  std::set<std::pair<std::int64_t, std::int64_t>> warned_;  ///< (instant, open ms before it)
  std::vector<config::SlaWarning> warned_levels_;
  std::optional<Breach> breach_;
  std::int64_t end_ms_ = 0;
  bool late_ = false;
  bool cancelled_ = false;
  std::string reason_;
  std::vector<SlaOccurrence> occurrences_;
};

}  // namespace deskwire::worker
