// The half of MemoryJobShard that runs jobs: leases, completions, failures, beats.
#include <algorithm>
#include <tuple>

#include "core/ids.h"
#include "jobs/effects.h"
#include "jobs/memory_job_shard.h"
#include "jobs/store_rules.h"

namespace deskwire::jobs {
namespace {

constexpr std::size_t kReclaimsPerBeat = 100;
constexpr std::size_t kPromotionsPerBeat = 1000;
constexpr std::size_t kTrimsPerBeat = 1000;

}  // namespace

MemoryJobShard::Record* MemoryJobShard::held(const JobId& id, std::int64_t token) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end() || found->second.job.state != JobState::kRunning ||
      found->second.token != token) {
    return nullptr;
  }
  return &found->second;
}

/// Whether this very lease brought the job to `state`.
bool MemoryJobShard::ended_by(const JobId& id, std::int64_t token, JobState state) const {
  const auto found = jobs_.find(id);
  return found != jobs_.end() && found->second.token == token && found->second.job.state == state;
}

Lease MemoryJobShard::lease_of(const Record& record) const {
  Lease lease;
  lease.id = record.job.id;
  lease.kind = record.job.kind;
  lease.lane = record.job.lane;
  lease.payload = record.job.payload;
  lease.root = record.job.root;
  lease.token = record.token;
  lease.attempt = record.job.attempt;
  lease.max_attempts = record.job.max_attempts;
  lease.crashes = record.job.crashes;
  lease.created_at_ms = record.job.created_at_ms;
  const auto memo = memos_.find(record.job.root);
  if (memo != memos_.end()) lease.saved_reply = memo->second.reply;
  lease.conversation = conversation(record.job.lane);
  lease.more_payloads = record.more;
  lease.takes_more = record.takes_more;
  return lease;
}

Result<StepResult> MemoryJobShard::step(const StepRequest& request, std::int64_t now) {
  Answer& answer = answers_[request.worker];
  if (request.request < answer.request) {
    return deskwire::fail(ErrorCode::kConflict,
                          "step worker=" + request.worker.str() + ": request " +
                              std::to_string(request.request) + " is older than " +
                              std::to_string(answer.request) + ", already answered");
  }
  const bool repeated = request.request == answer.request && answer.request > 0;
  if (!repeated) {
    answer = Answer{request.request, {}, {}};
    for (const CompletedJob& completed : request.completed) {
      Record* record = held(completed.id, completed.token);
      if (record != nullptr && completed.effect.empty() &&
          record->more.size() >= completed.messages) {
        hand_back(*record, now);  // What came meanwhile was not looked at: the job is not done.
      } else if (record != nullptr) {
        complete(completed, *record, now);
      } else if (!ended_by(completed.id, completed.token, JobState::kCompleted)) {
        answer.stale.push_back(completed.id);
      }
    }
    take(request, answer, now);
  }
  StepResult result;
  result.stale = answer.stale;
  for (const auto& [id, token] : answer.leases) {
    if (const Record* record = held(id, token)) {
      result.leases.push_back(lease_of(*record));
      result.leases.back().leased_at_ms = now;
    }
  }
  result.next_due_ms = next_due();
  result.now_ms = now;
  return result;
}

void MemoryJobShard::take(const StepRequest& request, Answer& answer, std::int64_t now) {
  if (halt_of(HaltScope::kAll, {})) return;
  while (answer.leases.size() < request.want && !ready_.empty()) {
    const std::string lane = ready_.front();
    ready_.pop_front();
    Record& record = jobs_[lanes_[lane].front()];
    if (hold(lane, record.job)) continue;
    record.job.state = JobState::kRunning;
    ++record.job.attempt;
    record.job.worker = request.worker.str();
    record.job.leased_at_ms = now;
    record.token = ++fence_;
    lease_[lane] = now + limits_.lease.count();
    answer.leases.emplace_back(record.job.id, record.token);
  }
}

void MemoryJobShard::complete(const CompletedJob& completed, Record& record, std::int64_t now) {
  Job& job = record.job;
  if (!completed.steps.empty()) note_attempt(record, "", completed.steps, now);
  job.state = JobState::kCompleted;
  job.outcome = completed.outcome;
  job.finished_at_ms = now;
  done_.emplace(now, job.id);
  bool show = true;
  if (!completed.effect.empty()) {
    effects_[completed.effect] = Effect{true, 0, completed.remote_id, 0};
    show = memos_.erase(job.root) == 1;
    if (!completed.our_message_id.empty()) {
      mapped_[job.lane][completed.remote_id] = completed.our_message_id;
    }
  }
  if (show) {
    for (const Event& event : completed.events) log_.append(event);
  }
  append_unfinished(record, reason_of_outcome(completed.outcome), now);
  lease_.erase(job.lane);
  lanes_[job.lane].pop_front();
  advance(job.lane, now);
}

void MemoryJobShard::append_unfinished(Record& record, std::string_view reason, std::int64_t now) {
  const auto memo = memos_.find(record.job.root);
  if (record.effect.empty() || memo == memos_.end() || !memo->second.unfinished) return;
  const auto effect = effects_.find(record.effect);
  if (effect != effects_.end() && effect->second.done) return;
  log_.append(filled_event(*memo->second.unfinished, now, reason));
  memo->second.unfinished.reset();
}

Result<Intent> MemoryJobShard::intend(const Lease& lease, const std::string& effect,
                                      const std::string& reply, const std::vector<Event>& events,
                                      const Event& unfinished, std::int64_t now) {
  Record* record = held(lease.id, lease.token);
  if (record == nullptr) {
    return deskwire::fail(ErrorCode::kStale,
                          "intend job=" + lease.id.str() + ": the lease is no longer ours");
  }
  if (record->effect.empty() && record->more.size() >= lease.messages()) {
    return Intent{IntentAnswer::kSuperseded, {}, {}, 0, {}};
  }
  lease_[record->job.lane] = now + limits_.lease.count();
  const auto known = effects_.find(effect);
  if (known != effects_.end() && known->second.done) {
    return Intent{IntentAnswer::kDone, known->second.remote_id, {}, 0, {}};
  }
  Memo& memo = memos_[record->job.root];
  record->effect = effect;
  memo.unfinished = unfinished;
  if (known != effects_.end()) {
    // The same lease asks again only when our answer was lost, and then it has not acted on it.
    const bool resent = known->second.token == lease.token;
    if (resent) return Intent{IntentAnswer::kGo, {}, memo.reply, 0, conversation(lease.lane)};
    std::int64_t& since = known->second.intended_at_ms;
    const std::int64_t before = since;
    if (now - since >= limits_.effect_settle.count()) since = now;
    return Intent{IntentAnswer::kVerify, {}, memo.reply, before, {}};
  }
  effects_[effect] = Effect{false, lease.token, {}, now};
  if (!memo.shown) {
    memo.reply = reply;
    memo.shown = true;
    for (const Event& event : events) log_.append(event);
  }
  return Intent{IntentAnswer::kGo, {}, memo.reply, 0, conversation(lease.lane)};
}

FailResult MemoryJobShard::fail(const FailRequest& request, std::int64_t now) {
  Record* record = held(request.lease.id, request.lease.token);
  if (record == nullptr) {
    // Failed by this very lease before: the answer was lost.
    const auto& [id, token] = std::tie(request.lease.id, request.lease.token);
    const bool dead = ended_by(id, token, JobState::kDead);
    return FailResult{dead, !dead && !ended_by(id, token, JobState::kRetryable)};
  }
  const auto effect = effects_.find(request.void_effect);
  if (effect != effects_.end() && !effect->second.done) effects_.erase(effect);

  note_attempt(*record, request.error_code, request.error_message, now);
  Job& job = record->job;
  const bool exhausted =
      request.failure == FailureClass::kRetryable && job.attempt >= job.max_attempts;
  if (request.failure == FailureClass::kPermanent || exhausted) {
    for (const Event& event : request.events_if_dead) log_.append(event);
    bury(*record, request.error_code, request.error_message, now);
    return FailResult{true, false};
  }
  if (request.failure == FailureClass::kDeferred) --job.attempt;
  job.state = JobState::kRetryable;
  job.error_code = request.error_code;
  job.error_message = kept_error_message(request.error_message);
  job.due_at_ms = now + std::max<std::int64_t>(0, request.delay.count());
  lease_.erase(job.lane);
  timers_[job.lane] = job.due_at_ms;
  return {};
}

void MemoryJobShard::bury(Record& record, const std::string& code, const std::string& message,
                          std::int64_t now) {
  Job& job = record.job;
  job.state = JobState::kDead;
  job.error_code = code;
  job.error_message = kept_error_message(message);
  job.finished_at_ms = now;
  dead_.emplace(now, job.id);
  append_unfinished(record, code, now);
  const std::string lane = job.lane;
  lease_.erase(lane);
  lanes_[lane].pop_front();
  const bool parked = park_dead_head(job, now);
  if (job.kind == "reply") {
    Job handoff;
    handoff.id = new_job_id(now, shard_);
    handoff.root = handoff.id;
    handoff.parent = job.id;
    handoff.kind = "handoff";
    handoff.lane = lane;
    handoff.payload = job.payload;
    handoff.created_at_ms = now;
    handoff.due_at_ms = now;
    handoff.max_attempts = job.max_attempts;
    handoff.messages = job.messages;
    if (parked) {
      lanes_[lane].push_front(handoff.id);
    } else {
      lanes_[lane].push_back(handoff.id);
    }
    jobs_[handoff.id].job = handoff;
    jobs_[handoff.id].more = record.more;
  }
  advance(lane, now);
}

BeatResult MemoryJobShard::beat(const BeatRequest& request, std::int64_t now) {
  BeatResult result;
  for (const Renewal& renewal : request.renew) {
    const Record* record = held(renewal.id, renewal.token);
    if (record == nullptr) {
      result.lost.push_back(renewal.id);
      continue;
    }
    lease_[record->job.lane] = now + limits_.lease.count();
    if (record->more.size() >= renewal.messages) result.superseded.push_back(renewal.id);
  }
  reclaim(result, now);
  promote(result, now);
  trim(now);
  result.now_ms = now;
  result.next_due_ms = next_due();
  result.ready = !ready_.empty() && !halt_of(HaltScope::kAll, {});
  result.oldest_due_ms = oldest_waiting();
  return result;
}

void MemoryJobShard::reclaim(BeatResult& result, std::int64_t now) {
  std::vector<std::pair<std::int64_t, std::string>> expired;
  for (const auto& [lane, expiry] : lease_) {
    if (expiry <= now) expired.emplace_back(expiry, lane);
  }
  std::sort(expired.begin(), expired.end());
  if (expired.size() > kReclaimsPerBeat) expired.resize(kReclaimsPerBeat);
  // The longest expired one is pushed last, so that it comes first.
  std::reverse(expired.begin(), expired.end());
  for (const auto& [expiry, lane] : expired) {
    Record& record = jobs_[lanes_[lane].front()];
    note_attempt(record, "lease_lost", "its lease ran out", now);
    ++record.job.crashes;
    if (record.job.crashes >= limits_.max_crashes) {
      bury(record, "poison", "its lease ran out " + std::to_string(record.job.crashes) + " times",
           now);
      ++result.buried;
      continue;
    }
    hand_back(record, now);
    ++result.reclaimed;
  }
}

void MemoryJobShard::promote(BeatResult& result, std::int64_t now) {
  std::vector<std::pair<std::int64_t, std::string>> due;
  for (const auto& [lane, at] : timers_) {
    if (at <= now) due.emplace_back(at, lane);
  }
  std::sort(due.begin(), due.end());
  if (due.size() > kPromotionsPerBeat) due.resize(kPromotionsPerBeat);
  for (const auto& [at, lane] : due) {
    jobs_[lanes_[lane].front()].job.state = JobState::kAvailable;
    timers_.erase(lane);
    ready_.push_back(lane);
    ++result.promoted;
  }
}

void MemoryJobShard::erase(FinishedJobs& finished) {
  jobs_.erase(finished.begin()->second);
  finished.erase(finished.begin());
}

void MemoryJobShard::trim(std::int64_t now) {
  const auto older = [&](const FinishedJobs& finished, std::int64_t age_s) {
    return !finished.empty() && finished.begin()->first < now - age_s * 1000;
  };
  for (std::size_t i = 0; i < kTrimsPerBeat; ++i) {
    const bool too_many = static_cast<std::int64_t>(done_.size()) > limits_.completed_max;
    if (!too_many && !older(done_, limits_.completed_max_age_s)) break;
    erase(done_);
  }
  for (std::size_t i = 0; i < kTrimsPerBeat && older(cancelled_, limits_.completed_max_age_s);
       ++i) {
    erase(cancelled_);
  }
  for (std::size_t i = 0; i < kTrimsPerBeat && older(dead_, limits_.dead_max_age_s); ++i) {
    erase(dead_);
  }
}

Status MemoryJobShard::release(const Lease& lease, std::int64_t now) {
  Record* record = held(lease.id, lease.token);
  if (record == nullptr) {
    return deskwire::fail(ErrorCode::kStale,
                          "release job=" + lease.id.str() + ": the lease is no longer ours");
  }
  hand_back(*record, now);
  return {};
}

/// A leased head becomes available again, its lane first in line; the attempt is not counted. What
/// took in more messages meanwhile may have to wait for its time again.
void MemoryJobShard::hand_back(Record& record, std::int64_t now) {
  Job& job = record.job;
  --job.attempt;
  lease_.erase(job.lane);
  if (job.due_at_ms > now) {
    job.state = JobState::kScheduled;
    timers_[job.lane] = job.due_at_ms;
    return;
  }
  job.state = JobState::kAvailable;
  ready_.push_front(job.lane);
}

std::int64_t MemoryJobShard::next_due() const {
  std::int64_t next = 0;
  for (const auto& [lane, due] : timers_) next = next == 0 ? due : std::min(next, due);
  return next;
}

}  // namespace deskwire::jobs
