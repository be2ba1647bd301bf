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

/// Sets a lane aside that has come first in line but may not run. @return False: it may.
bool MemoryJobShard::hold(const std::string& lane, const Job& head) {
  const bool parked = halt_of(HaltScope::kParked, lane).has_value();
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
  // Whatever is still halted for another reason is set aside again when it comes first in line.
  const std::map<std::string, std::int64_t> aside = std::exchange(parked_, {});
  for (const auto& [lane, due] : aside) advance(lane, now);
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
