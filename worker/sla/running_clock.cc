#include "worker/sla/running_clock.h"

#include <algorithm>
#include <utility>

namespace deskwire::worker {
namespace {

/// What came in so long after it happened was imported: nobody could have answered it in time.
constexpr std::int64_t kImportedMs = 24LL * 3600 * 1000;

constexpr std::int64_t seconds(std::int64_t ms) { return ms / 1000; }

bool is_open_pause(const std::vector<Pause>& pauses) {
  return std::any_of(pauses.begin(), pauses.end(), [](const Pause& p) { return !p.to_ms; });
}

}  // namespace

std::string_view name_of(SlaState state) {
  switch (state) {
    case SlaState::kRunning:
      return "running";
    case SlaState::kPaused:
      return "paused";
    case SlaState::kBreached:
      return "breached";
    case SlaState::kMet:
      return "met";
    case SlaState::kMetLate:
      return "met_late";
    case SlaState::kCancelled:
      return "cancelled";
  }
  return "running";
}

std::string_view name_of(SlaOccurrence::Kind kind) {
  switch (kind) {
    case SlaOccurrence::Kind::kWarning:
      return "warning";
    case SlaOccurrence::Kind::kViolation:
      return "violation";
    case SlaOccurrence::Kind::kMet:
      return "met";
    case SlaOccurrence::Kind::kPaused:
      return "paused";
    case SlaOccurrence::Kind::kResumed:
      return "resumed";
    case SlaOccurrence::Kind::kCancelled:
      return "cancelled";
  }
  return "warning";
}

void RunningClock::apply(const std::optional<SlaTarget>& target, std::vector<Pause> pauses,
                         std::int64_t at_ms) {
  if (!open() || (target == target_ && pauses == pauses_)) return;
  if (target_ && !target)
    tell(SlaOccurrence::Kind::kCancelled, at_ms, at_ms, {.reason = "no_policy"});
  const bool was_visible = visible();
  target_ = target;
  pauses_ = std::move(pauses);
  since_ms_ = std::max(at_ms, start_ms_);
  measure();
  const bool paused = is_open_pause(pauses_);
  if (visible() && was_visible) note_pause(paused, at_ms);
  paused_ = paused;
}

void RunningClock::note_pause(bool paused, std::int64_t at_ms) {
  if (paused == paused_) return;
  tell(paused ? SlaOccurrence::Kind::kPaused : SlaOccurrence::Kind::kResumed, at_ms, at_ms);
}

void RunningClock::measure() {
  due_ms_.reset();
  warnings_.clear();
  if (!target_) return;
  const Calendar& calendar = *target_->calendar;
  due_ms_ = calendar.deadline(start_ms_, target_->target_ms, pauses_);
  for (const config::SlaWarning& level : target_->metric->warn_at) {
    WarnPoint point{level, level.after_s(target_->target_ms / 1000) * 1000};
    if (point.after_ms <= 0 || point.after_ms >= target_->target_ms) continue;
    const auto at_ms = calendar.deadline(start_ms_, point.after_ms, pauses_);
    if (!at_ms) continue;
    point.at_ms = *at_ms;
    // A change that leaves the moment where it was tells nothing new.
    point.told = warned_.contains({point.at_ms, point.after_ms});
    warnings_.push_back(point);
  }
}

/// Where a new target is missed from the start, the violation says it all.
bool RunningClock::superseded(const WarnPoint& point) const {
  return point.at_ms <= since_ms_ && ((due_ms_ && *due_ms_ <= since_ms_) || breach_);
}

void RunningClock::advance(std::int64_t until_ms) {
  if (!open() || !target_) return;
  for (WarnPoint& point : warnings_) {
    const std::int64_t tell_ms = std::max(point.at_ms, since_ms_);
    if (point.told || tell_ms >= until_ms || superseded(point)) continue;
    point.told = true;
    warned_.emplace(point.at_ms, point.after_ms);
    warned_levels_.push_back(point.level);
    tell(SlaOccurrence::Kind::kWarning, point.at_ms, tell_ms,
         {.level = point.level, .threshold_s = seconds(point.after_ms)});
  }
  if (!breach_ && due_ms_) {
    const std::int64_t missed_ms = std::max(*due_ms_, since_ms_);
    if (missed_ms < until_ms) {
      const std::int64_t grace_ms = target_->policy->violation_grace_s * 1000;
      breach_ = Breach{*due_ms_, std::max(*due_ms_ + grace_ms, missed_ms)};
    }
  }
  if (!breach_ || breach_->told) return;
  const std::int64_t tell_ms = std::max(breach_->tell_ms, since_ms_);
  if (tell_ms >= until_ms) return;
  breach_->told = true;
  tell(SlaOccurrence::Kind::kViolation, breach_->due_ms, tell_ms,
       {.threshold_s = seconds(target_->target_ms)});
}

void RunningClock::meet(std::int64_t at_ms) {
  if (!open()) return;
  end_ms_ = std::max(at_ms, start_ms_);
  late_ = breach_.has_value() || (due_ms_ && *due_ms_ < end_ms_);
  tell(SlaOccurrence::Kind::kMet, end_ms_, end_ms_,
       {.threshold_s = target_ ? seconds(target_->target_ms) : 0, .late = late_});
}

void RunningClock::cancel(std::int64_t at_ms, std::string reason) {
  if (!open()) return;
  end_ms_ = std::max(at_ms, start_ms_);
  cancelled_ = true;
  reason_ = std::move(reason);
  tell(SlaOccurrence::Kind::kCancelled, end_ms_, end_ms_, {.reason = reason_});
}

void RunningClock::reopen(std::int64_t at_ms) {
  if (open() || cancelled_) return;
  end_ms_ = 0;
  late_ = false;
  since_ms_ = at_ms;
  // The time that it was closed is a pause that comes with the next apply().
  target_.reset();
}

void RunningClock::tell(SlaOccurrence::Kind kind, std::int64_t instant_ms, std::int64_t at_ms,
                        SlaOccurrence occurrence) {
  if (!target_) return;
  occurrence.kind = kind;
  occurrence.metric = metric_;
  occurrence.cycle = cycle_;
  occurrence.instant_ms = instant_ms;
  occurrence.at_ms = at_ms;
  occurrence.silent = silent();
  occurrence.target = *target_;
  occurrence.start_ms = start_ms_;
  occurrence.due_ms = due_ms_;
  occurrence.paused_s = seconds(paused_ms(at_ms));
  occurrence.actual_s = seconds(elapsed_ms(at_ms));
  if (occurrence.threshold_s == 0) occurrence.threshold_s = seconds(target_->target_ms);
  occurrences_.push_back(std::move(occurrence));
}

std::optional<std::int64_t> RunningClock::next_ms() const {
  if (!open() || !target_) return std::nullopt;
  std::optional<std::int64_t> next;
  const auto consider = [&](std::int64_t at_ms) { next = next ? std::min(*next, at_ms) : at_ms; };
  for (const WarnPoint& point : warnings_) {
    if (!point.told && !superseded(point)) consider(std::max(point.at_ms, since_ms_));
  }
  if (breach_ && !breach_->told) consider(std::max(breach_->tell_ms, since_ms_));
  if (!breach_ && due_ms_) {
    consider(std::max(*due_ms_ + target_->policy->violation_grace_s * 1000, since_ms_));
  }
  return next;
}

std::int64_t RunningClock::elapsed_ms(std::int64_t until_ms) const {
  return target_ ? target_->calendar->elapsed(start_ms_, until_ms, pauses_) : 0;
}

std::int64_t RunningClock::paused_ms(std::int64_t until_ms) const {
  std::int64_t sum = 0;
  for (const Pause& pause : pauses_) {
    const std::int64_t from = std::max(pause.from_ms, start_ms_);
    const std::int64_t to = std::min(pause.to_ms.value_or(until_ms), until_ms);
    sum += std::max<std::int64_t>(0, to - from);
  }
  return sum;
}

bool RunningClock::silent() const {
  if (!target_) return false;
  const auto& enforced = target_->policy->enforce_from_ms;
  if (enforced && start_ms_ < *enforced) return true;
  return seen_ms_ - start_ms_ >= kImportedMs && due_ms_ && *due_ms_ < seen_ms_;
}

SlaClock RunningClock::snapshot(std::int64_t now_ms) const {
  SlaClock clock;
  clock.metric = metric_;
  clock.cycle = cycle_;
  clock.start_ms = start_ms_;
  clock.end_ms = end_ms_;
  clock.due_ms = due_ms_;
  if (target_) clock.target = *target_;
  const std::int64_t until_ms = open() ? std::max(now_ms, start_ms_) : end_ms_;
  clock.elapsed_ms = elapsed_ms(until_ms);
  clock.paused_ms = paused_ms(until_ms);
  clock.breached = breach_.has_value() || late_;
  clock.breach_due_ms = breach_ ? breach_->due_ms : late_ ? due_ms_.value_or(0) : 0;
  clock.warned = warned_levels_;
  clock.silent = silent();
  clock.reason = reason_;
  if (!open()) {
    clock.state = cancelled_ ? SlaState::kCancelled : late_ ? SlaState::kMetLate : SlaState::kMet;
  } else if (paused_) {
    clock.state = SlaState::kPaused;
  } else {
    clock.state = breach_ ? SlaState::kBreached : SlaState::kRunning;
  }
  return clock;
}

}  // namespace deskwire::worker
