// The half of MemoryJobShard that operators ask: halts, cancelled jobs, how a lane stands.
#include <algorithm>

#include "jobs/memory_job_shard.h"
#include "jobs/store_rules.h"

namespace deskwire::jobs {

std::optional<Halt> MemoryJobShard::halt_of(HaltScope scope, const std::string& name) const {
  const auto found = halts_.find({scope, name});
  if (found == halts_.end()) return std::nullopt;
  return found->second;
}

bool MemoryJobShard::parked_by_policy(const std::string& lane) const {
  const std::optional<Halt> halt = halt_of(HaltScope::kParked, lane);
  return halt && halt->by.actor == kDeadHeadActor;
}

/// Where dead heads park their lanes. @return Whether it was parked now.
bool MemoryJobShard::park_dead_head(const Job& job, std::int64_t now) {
  const HaltTarget target{HaltScope::kParked, job.lane};
  const bool room = limits_.park_dead_heads && halts_.size() < limits_.max_halts;
  if (!room || halts_.contains(target)) return false;
  const std::string reason = "its job " + job.id.str() + " died of " + job.error_code;
  halts_[target] = Halt{target, now, {std::string(kDeadHeadActor), reason}};
  return true;
}

/// Sets a lane aside that has come first in line but may not run. @return False: it may.
bool MemoryJobShard::hold(const std::string& lane, const Job& head) {
  const bool hands_off = head.kind == "handoff" && parked_by_policy(lane);
  const bool parked = !hands_off && halt_of(HaltScope::kParked, lane).has_value();
  if (!parked && !halt_of(HaltScope::kConversation, lane) &&
      !halt_of(HaltScope::kKind, head.kind)) {
    return false;
  }
  parked_[lane] = parked ? 0 : head.due_at_ms;
  return true;
}

std::int64_t MemoryJobShard::oldest_waiting() const {
  std::int64_t oldest = 0;
  const auto consider = [&oldest](std::int64_t due) {
    if (due > 0) oldest = oldest == 0 ? due : std::min(oldest, due);
  };
  if (!ready_.empty()) consider(jobs_.at(lanes_.at(ready_.front()).front()).job.due_at_ms);
  for (const auto& [lane, due] : parked_) consider(due);
  return oldest;
}

Result<bool> MemoryJobShard::halt(const HaltTarget& target, const Operator& by, std::int64_t now) {
  if (halts_.contains(target)) return false;
  if (halts_.size() >= limits_.max_halts) {
    return deskwire::fail(ErrorCode::kFull,
                          "halt: " + std::to_string(limits_.max_halts) +
                              " are halted in its shard already (jobs.max_halts)");
  }
  halts_[target] = Halt{target, now, {kept_actor(by.actor), kept_error_message(by.reason)}};
  const auto aside = parked_.find(target.name);
  if (target.scope == HaltScope::kParked && aside != parked_.end()) aside->second = 0;
  return true;
}

bool MemoryJobShard::resume(const HaltTarget& target, std::int64_t now) {
  if (halts_.erase(target) == 0) return false;
  if (target.scope == HaltScope::kConversation || target.scope == HaltScope::kParked) {
    // What is halted for another reason is set aside again when it comes first in line.
    if (parked_.erase(target.name) > 0) advance(target.name, now);
    return true;
  }
  // Nothing is set aside while everything is paused.
  if (target.scope == HaltScope::kAll) return true;
  // Those that waited longest first.
  std::vector<std::pair<std::int64_t, std::string>> aside;
  for (const auto& [lane, due] : parked_) {
    if (due > 0) aside.emplace_back(due, lane);
  }
  std::sort(aside.begin(), aside.end());
  for (const auto& [due, lane] : aside) {
    parked_.erase(lane);
    if (!hold(lane, jobs_[lanes_[lane].front()].job)) advance(lane, now);
  }
  return true;
}

void MemoryJobShard::halts(std::vector<Halt>& into) const {
  for (const auto& [target, halt] : halts_) into.push_back(halt);
}

Result<bool> MemoryJobShard::drop(const JobId& id, std::int64_t now) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return no_such_job(id);
  Job& job = found->second.job;
  if (job.state == JobState::kCancelled) return false;
  if (job.state == JobState::kRunning || job.state == JobState::kCompleted) {
    return cannot_drop(id, job.state);
  }
  const bool was_dead = job.state == JobState::kDead;
  if (was_dead) dead_.erase({job.finished_at_ms, id});
  job.state = JobState::kCancelled;
  job.outcome = "dropped";
  job.finished_at_ms = now;
  cancelled_.emplace(now, id);
  if (was_dead) return true;
  std::deque<JobId>& queue = lanes_[job.lane];
  const bool was_head = queue.front() == id;
  queue.erase(std::find(queue.begin(), queue.end(), id));
  append_unfinished(found->second, "cancelled", now);
  if (was_head) {
    ready_.erase(std::remove(ready_.begin(), ready_.end(), job.lane), ready_.end());
    timers_.erase(job.lane);
    parked_.erase(job.lane);
    advance(job.lane, now);
  }
  return true;
}

LaneView MemoryJobShard::look(const std::string& lane, const JobId& job, std::int64_t now) const {
  LaneView view;
  view.now_ms = now;
  view.lanes_ready = ready_.size();
  view.everything = halt_of(HaltScope::kAll, {});
  view.conversation = halt_of(HaltScope::kConversation, lane);
  view.parked = halt_of(HaltScope::kParked, lane);
  const auto found = lanes_.find(lane);
  if (found == lanes_.end()) return view;
  const std::deque<JobId>& queue = found->second;
  view.length = queue.size();
  const auto place = std::find(queue.begin(), queue.end(), job);
  if (place != queue.end()) view.ahead = static_cast<std::size_t>(place - queue.begin());
  view.head = *get(queue.front());
  view.head->payload.clear();
  view.kind = halt_of(HaltScope::kKind, view.head->kind);
  view.place = LaneView::Place::kReady;
  if (const auto lease = lease_.find(lane); lease != lease_.end()) {
    view.place = LaneView::Place::kLease;
    view.place_ms = lease->second;
  } else if (const auto timer = timers_.find(lane); timer != timers_.end()) {
    view.place = LaneView::Place::kTimers;
    view.place_ms = timer->second;
  } else if (const auto aside = parked_.find(lane); aside != parked_.end()) {
    view.place = LaneView::Place::kParked;
    view.place_ms = aside->second;
  }
  return view;
}

void MemoryJobShard::note_attempt(Record& record, const std::string& code,
                                  const std::string& message, std::int64_t now) {
  constexpr std::size_t kKept = 10;
  std::vector<PastAttempt>& history = record.history;
  history.push_back({record.job.leased_at_ms, now, record.job.attempt, record.job.worker, code,
                     kept_error_message(message)});
  if (history.size() > kKept) history.erase(history.begin());
}

std::vector<PastAttempt> MemoryJobShard::history(const JobId& id) const {
  const auto found = jobs_.find(id);
  return found == jobs_.end() ? std::vector<PastAttempt>() : found->second.history;
}

std::optional<Job> MemoryJobShard::last_finished(const std::string& lane) const {
  std::optional<Job> last;
  for (const auto& [id, record] : jobs_) {
    const Job& job = record.job;
    if (job.lane != lane || job.finished_at_ms == 0) continue;
    if (!last || job.finished_at_ms >= last->finished_at_ms) last = job;
  }
  if (last) last->payload.clear();
  return last;
}

}  // namespace deskwire::jobs
