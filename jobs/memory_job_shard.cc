#include "jobs/memory_job_shard.h"

#include <algorithm>

#include "core/ids.h"
#include "jobs/effects.h"
#include "jobs/store_rules.h"

namespace deskwire::jobs {
namespace {

constexpr std::int64_t kDayMs = 86'400'000;

/// As the one on Redis shows it: who runs it only while somebody does.
Job shown(Job job) {
  if (job.state == JobState::kRunning) return job;
  job.worker.clear();
  job.leased_at_ms = 0;
  return job;
}

}  // namespace

std::uint64_t MemoryEventLog::append(const Event& event) {
  const std::string once_key = event.id + ' ' + event.channel;
  if (event.once) {
    const auto first = once_.find(once_key);
    if (first != once_.end()) return first->second;
  }
  const std::uint64_t offset = event.kept() ? ++tops_[event.channel] : 0;
  if (event.once) once_[once_key] = offset;
  events_.push_back(event);
  return offset;
}

MemoryJobShard::MemoryJobShard(int shard, const LaneLimits& limits, MemoryEventLog& log)
    : shard_(shard), limits_(limits), log_(log) {}

const MemoryJobShard::Seen* MemoryJobShard::find_seen(const EnqueueRequest& request,
                                                      std::int64_t today) const {
  for (const std::string& key : effective_dedupe_keys(request)) {
    for (const std::int64_t day : {today, today - 1}) {
      const auto bucket = seen_.find(day);
      if (bucket == seen_.end()) continue;
      const auto found = bucket->second.find(key);
      if (found != bucket->second.end()) return &found->second;
    }
  }
  return nullptr;
}

void MemoryJobShard::remember_seen(const EnqueueRequest& request, std::int64_t today,
                                   const Seen& seen) {
  for (const std::string& key : effective_dedupe_keys(request)) seen_[today].emplace(key, seen);
}

Result<EnqueueResult> MemoryJobShard::enqueue(const EnqueueRequest& request, std::int64_t now) {
  const std::int64_t today = now / kDayMs;
  if (const Seen* found = find_seen(request, today)) {
    const Seen first = *found;
    remember_seen(request, today, first);
    return EnqueueResult{first.job, first.receipt != request.receipt, first.receipt, {}};
  }
  const Record* joined = join(request, now);
  const bool makes_job = joined == nullptr && !request.kind.empty();
  if (makes_job && request.bury_code.empty() &&
      lanes_[request.lane].size() >= limits_.max_lane_jobs) {
    return deskwire::fail(ErrorCode::kRateLimited, "enqueue lane=" + request.lane +
                                                       ": the lane holds " +
                                                       std::to_string(limits_.max_lane_jobs) +
                                                       " jobs already (jobs.max_lane_jobs)");
  }
  EnqueueResult result;
  if (joined != nullptr) result.job = joined->job.id.str();
  if (makes_job) result.job = request.receipt;
  remember_seen(request, today, Seen{request.receipt, result.job});

  if (makes_job) {
    Job job;
    job.id = JobId(request.receipt);
    job.root = job.id;
    job.kind = request.kind;
    job.lane = request.lane;
    job.payload = request.payload;
    job.created_at_ms = now;
    job.due_at_ms = now + initial_delay(request).count();
    job.max_attempts = std::max(1, request.max_attempts);
    if (!request.bury_code.empty()) {
      job.state = JobState::kDead;
      job.error_code = request.bury_code;
      job.error_message = kept_error_message(request.bury_message);
      job.due_at_ms = now;
      job.finished_at_ms = now;
      dead_.emplace(now, job.id);
      jobs_[job.id].job = job;
    } else {
      insert(job, now);
      jobs_[job.id].takes_more = request.debounce.has_value();
    }
  }
  if (!request.fact.empty()) facts_[request.lane].push_back(request.fact);
  if (request.state) merge_state(request.lane, *request.state);
  if (request.echo) close_echo(request);
  for (const Event& event : request.events) result.offsets.push_back(log_.append(event));
  if (request.text && is_edit(*request.text, request.lane)) {
    result.offsets.push_back(log_.append(*request.text->edited));
  }
  return result;
}

/// The last job of the lane, if it takes the message in.
MemoryJobShard::Record* MemoryJobShard::join(const EnqueueRequest& request, std::int64_t now) {
  const auto lane = lanes_.find(request.lane);
  const bool asks = request.debounce && !request.kind.empty() && request.bury_code.empty();
  if (!asks || lane == lanes_.end() || lane->second.empty()) return nullptr;
  Record& record = jobs_[lane->second.back()];
  Job& job = record.job;
  const Debounce& rule = *request.debounce;
  const std::int64_t latest = job.created_at_ms + rule.max_wait.count();
  if (!record.takes_more || job.messages >= rule.max_messages || job.kind != request.kind ||
      !record.effect.empty() || !job.parent.empty() ||
      (job.state == JobState::kRunning && now >= latest)) {
    return nullptr;
  }
  ++job.messages;
  record.more.push_back(request.payload);
  if (job.state != JobState::kScheduled && job.state != JobState::kRunning) return &record;
  job.due_at_ms = std::max(now, std::min(now + rule.quiet.count(), latest));
  if (job.messages >= rule.max_messages) job.due_at_ms = now;
  if (job.state == JobState::kScheduled && lane->second.front() == job.id) {
    timers_.erase(request.lane);
    advance(request.lane, now);
  }
  return &record;
}

void MemoryJobShard::merge_state(const std::string& lane, const ConversationState& news) {
  ConversationState& state = states_[lane];
  const auto take = [](std::string& into, const std::string& value) {
    if (!value.empty()) into = value;
  };
  if (news.updated_at_ms == 0 || news.updated_at_ms >= state.updated_at_ms) {
    take(state.status, news.status);
    take(state.assignee_type, news.assignee_type);
    if (!news.assignee_type.empty()) state.assignee_id = news.assignee_id;
    state.updated_at_ms = std::max(state.updated_at_ms, news.updated_at_ms);
    // Only what happened to the conversation gives it back: messages repeat an older status.
    const bool given_back =
        news.last_sender.empty() &&
        (news.status == "pending" || news.status == "resolved" || news.assignee_type == "bot");
    if (given_back && news.handed_off.empty()) state.handed_off.clear();
    take(state.handed_off, news.handed_off);
  }
  if (news.last_message_id.empty()) {
    take(state.last_sender, news.last_sender);
  } else if (not_older_id(news.last_message_id, state.last_message_id)) {
    state.last_message_id = news.last_message_id;
    take(state.last_sender, news.last_sender);
  }
  take(state.inbox_kind, news.inbox_kind);
  take(state.contact_name, news.contact_name);
  take(state.source, news.source);
}

void MemoryJobShard::close_echo(const EnqueueRequest& request) {
  const auto& [helpdesk_id, our_id] = *request.echo;
  mapped_[request.lane][helpdesk_id] = our_id;
  const std::string root(root_of_message(our_id));
  if (root.empty()) return;
  const std::string key = effect_key(root);
  const auto found = effects_.find(key);
  // A voided effect is proven after all: without this the next attempt would post again.
  const bool known = found != effects_.end() || memos_.contains(JobId(root));
  if (!known || (found != effects_.end() && found->second.done)) return;
  effects_[key] = Effect{true, 0, helpdesk_id, 0};
}

bool MemoryJobShard::is_edit(const MessageText& text, const std::string& lane) {
  std::map<std::string, std::optional<std::string>>& texts = texts_[lane];
  const auto known = texts.find(text.message);
  bool edit = false;
  if (text.edited) {
    if (known != texts.end() && (!known->second || *known->second == text.content)) return false;
    edit = known != texts.end() || text.assume_edit;
  }
  texts[text.message] = text.deleted ? std::nullopt : std::optional(text.content);
  return edit;
}

/// Puts a live job at the end of its lane, and the lane where it belongs if it was empty.
void MemoryJobShard::insert(Job job, std::int64_t now) {
  const std::string lane = job.lane;
  job.state = job.due_at_ms > now ? JobState::kScheduled : JobState::kAvailable;
  std::deque<JobId>& queue = lanes_[lane];
  const bool was_empty = queue.empty();
  queue.push_back(job.id);
  const JobId id = job.id;
  jobs_[id].job = std::move(job);
  if (was_empty) advance(lane, now);
}

/// Places a lane whose head is new: waiting for its time, ready, or gone when empty.
void MemoryJobShard::advance(const std::string& lane, std::int64_t now) {
  const std::deque<JobId>& queue = lanes_[lane];
  if (queue.empty()) {
    lanes_.erase(lane);
    return;
  }
  Job& head = jobs_[queue.front()].job;
  if (head.state == JobState::kScheduled && head.due_at_ms > now) {
    timers_[lane] = head.due_at_ms;
    return;
  }
  head.state = JobState::kAvailable;
  ready_.push_back(lane);
}

ConversationState MemoryJobShard::conversation(const std::string& lane) const {
  const auto found = states_.find(lane);
  return found == states_.end() ? ConversationState{} : found->second;
}

std::string MemoryJobShard::mapped_message(const std::string& lane,
                                           const std::string& helpdesk_id) const {
  const auto of_lane = mapped_.find(lane);
  if (of_lane == mapped_.end()) return {};
  const auto found = of_lane->second.find(helpdesk_id);
  return found == of_lane->second.end() ? std::string() : found->second;
}

Result<Job> MemoryJobShard::get(const JobId& id) const {
  const auto found = jobs_.find(id);
  if (found == jobs_.end())
    return deskwire::fail(ErrorCode::kNotFound, "job=" + id.str() + ": no such job");
  return shown(found->second.job);
}

void MemoryJobShard::list(const JobFilter& filter, std::vector<Job>& into) const {
  for (const auto& [id, record] : jobs_) {
    const Job& job = record.job;
    if ((filter.state && job.state != *filter.state) ||
        (!filter.kind.empty() && job.kind != filter.kind) ||
        (!filter.lane.empty() && job.lane != filter.lane) ||
        (!filter.error_code.empty() && job.error_code != filter.error_code) ||
        job.created_at_ms < filter.since_ms ||
        (filter.until_ms > 0 && job.created_at_ms >= filter.until_ms)) {
      continue;
    }
    into.push_back(shown(job));
    into.back().payload.clear();
  }
}

void MemoryJobShard::count(JobCounts& into) const {
  for (const auto& [id, record] : jobs_) ++into[std::string(name_of(record.job.state))];
}

void MemoryJobShard::count(KindCounts& into) const {
  for (const auto& [id, record] : jobs_) {
    const auto [kind, is_new] = into.try_emplace(record.job.kind);
    if (is_new) kind->second = no_jobs();
    ++kind->second[std::string(name_of(record.job.state))];
  }
}

Status MemoryJobShard::retry_now(const JobId& id, std::int64_t now) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end())
    return deskwire::fail(ErrorCode::kNotFound, "job=" + id.str() + ": no such job");
  Job& job = found->second.job;
  if (job.state != JobState::kRetryable && job.state != JobState::kScheduled) {
    return deskwire::fail(ErrorCode::kConflict, "retry job=" + id.str() + ": it is " +
                                                    std::string(name_of(job.state)) +
                                                    ", not waiting for its time");
  }
  job.state = JobState::kAvailable;
  job.due_at_ms = now;
  if (lanes_[job.lane].front() == id && timers_.erase(job.lane) > 0) ready_.push_back(job.lane);
  return {};
}

Result<JobId> MemoryJobShard::replay(const JobId& id, bool again, std::int64_t now) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end())
    return deskwire::fail(ErrorCode::kNotFound, "job=" + id.str() + ": no such job");
  const Job& old = found->second.job;
  if (!is_finished(old.state)) {
    return deskwire::fail(ErrorCode::kConflict,
                          "replay job=" + id.str() + ": it is " + std::string(name_of(old.state)));
  }
  const auto earlier = jobs_.find(found->second.job.replay);
  if (earlier != jobs_.end() && !is_finished(earlier->second.job.state)) {
    return earlier->second.job.id;
  }
  const auto lane = lanes_.find(old.lane);
  if (lane != lanes_.end() && lane->second.size() >= limits_.max_lane_jobs) {
    return deskwire::fail(ErrorCode::kFull, "replay job=" + id.str() + ": lane=" + old.lane +
                                                " is full (jobs.max_lane_jobs)");
  }
  Job job;
  job.id = new_job_id(now, shard_);
  job.root = again ? job.id : old.root;
  job.parent = id;
  job.kind = old.kind;
  job.lane = old.lane;
  job.payload = old.payload;
  job.created_at_ms = now;
  job.due_at_ms = now;
  job.max_attempts = old.max_attempts;
  job.messages = old.messages;
  const JobId replayed = job.id;
  found->second.job.replay = replayed;
  const bool first = lane != lanes_.end() && !lane->second.empty() && parked_by_policy(old.lane);
  if (first) {
    // Before all but the hand-off, so that the order is what it would have been.
    const std::string key = job.lane;
    std::deque<JobId>& queue = lane->second;
    const bool behind = jobs_[queue.front()].job.kind == "handoff";
    queue.insert(queue.begin() + int{behind}, replayed);
    job.state = JobState::kAvailable;
    jobs_[replayed].job = std::move(job);
    if (!behind && timers_.erase(key) > 0) advance(key, now);
  } else {
    insert(std::move(job), now);
  }
  jobs_[replayed].more = found->second.more;
  return replayed;
}

void MemoryJobShard::check(std::vector<std::string>& violations) const {
  for (const auto& [lane, queue] : lanes_) {
    const auto in_ready = std::count(ready_.begin(), ready_.end(), lane);
    const auto places = in_ready + static_cast<std::ptrdiff_t>(lease_.count(lane)) +
                        static_cast<std::ptrdiff_t>(timers_.count(lane)) +
                        static_cast<std::ptrdiff_t>(parked_.count(lane));
    if (places != (queue.empty() ? 0 : 1)) {
      violations.push_back("lane " + lane + " with " + std::to_string(queue.size()) +
                           " jobs is in " + std::to_string(places) + " places");
    }
  }
  const auto known = [&](const std::string& lane) {
    if (!lanes_.contains(lane)) violations.push_back("lane " + lane + " is placed but empty");
  };
  for (const std::string& lane : ready_) known(lane);
  for (const auto& [lane, expiry] : lease_) known(lane);
  for (const auto& [lane, due] : timers_) known(lane);
  for (const auto& [lane, due] : parked_) known(lane);
}

}  // namespace deskwire::jobs
