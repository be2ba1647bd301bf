#include "jobs/store_rules.h"

#include <algorithm>
#include <tuple>

#include "core/channel.h"
#include "core/ids.h"

namespace deskwire::jobs {
namespace {

bool is_decimal(std::string_view id) {
  return !id.empty() &&
         std::all_of(id.begin(), id.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string_view without_leading_zeros(std::string_view id) {
  if (!is_decimal(id)) return id;
  const std::size_t first = id.find_first_not_of('0');
  return first == std::string_view::npos ? id.substr(id.size() - 1) : id.substr(first);
}

}  // namespace

Status check_enqueue(const EnqueueRequest& request, const LaneLimits& limits) {
  if (request.lane.empty()) return fail(ErrorCode::kInvalid, "enqueue: no lane");
  const Result<int> shard = shard_of_job(JobId(request.receipt));
  if (!shard || *shard != shard_of_lane(request.lane)) {
    return fail(ErrorCode::kInvalid,
                "enqueue lane=" + request.lane + ": the receipt is no job id of the lane's shard");
  }
  for (const Event& event : request.events) {
    // Scripts touch one slot: such an event would land where nobody reads it.
    if (shard_of_channel(event.channel) != *shard) {
      return fail(ErrorCode::kInvalid, "enqueue lane=" + request.lane + ": channel " +
                                           event.channel + " is not of the lane's shard");
    }
  }
  if (request.payload.size() > limits.max_payload_bytes) {
    return fail(ErrorCode::kTooLarge, "enqueue lane=" + request.lane + ": payload of " +
                                          std::to_string(request.payload.size()) +
                                          " bytes is over jobs.max_payload_bytes " +
                                          std::to_string(limits.max_payload_bytes));
  }
  return {};
}

Milliseconds initial_delay(const EnqueueRequest& request) {
  if (!request.debounce) return std::max(Milliseconds{0}, request.delay);
  const Debounce& rule = *request.debounce;
  return rule.max_messages > 1 ? std::max(Milliseconds{0}, std::min(rule.quiet, rule.max_wait))
                               : Milliseconds{0};
}

Status check_shard(int shard) {
  if (shard >= 0 && shard < kShardCount) return {};
  return fail(ErrorCode::kInvalid, "shard " + std::to_string(shard) + " is out of range 0..15");
}

Status check_step(const StepRequest& request) {
  if (request.want > kMaxWant) {
    return fail(ErrorCode::kInvalid, "step worker=" + request.worker.str() + ": " +
                                         std::to_string(request.want) +
                                         " leases wanted, at most 64 are given");
  }
  if (request.completed.size() > kMaxCompletions) {
    return fail(ErrorCode::kInvalid, "step worker=" + request.worker.str() + ": " +
                                         std::to_string(request.completed.size()) +
                                         " completions in one step, at most 1000 are taken");
  }
  return check_shard(request.shard);
}

std::vector<std::string> effective_dedupe_keys(const EnqueueRequest& request) {
  if (!request.dedupe_keys.empty()) return request.dedupe_keys;
  const bool leaves_trace = !request.kind.empty() || !request.fact.empty() ||
                            std::any_of(request.events.begin(), request.events.end(),
                                        [](const Event& event) { return event.kept(); });
  if (!leaves_trace) return {};
  return {"receipt:" + request.receipt};
}

bool not_older_id(std::string_view candidate, std::string_view known) {
  const std::string_view a = without_leading_zeros(candidate);
  const std::string_view b = without_leading_zeros(known);
  if (a.size() != b.size()) return a.size() > b.size();
  return a >= b;
}

namespace {

/// `text` cut to `most` bytes, at a UTF-8 boundary.
std::string cut(std::string_view text, std::size_t most) {
  std::size_t length = std::min(text.size(), most);
  // A continuation byte at the cut means that a character would be torn.
  while (length < text.size() && length > 0 &&
         (static_cast<unsigned char>(text[length]) & 0xC0U) == 0x80U) {
    --length;
  }
  return std::string(text.substr(0, length));
}

}  // namespace

std::string kept_error_message(std::string_view text) { return cut(text, kMaxErrorMessageBytes); }

std::string kept_actor(std::string_view text) {
  std::string kept = cut(text, kMaxActorBytes);
  for (char& byte : kept) {
    if (static_cast<unsigned char>(byte) < 0x20 || byte == 0x7F) byte = '?';
  }
  return kept;
}

Status check_halt(const HaltTarget& target) {
  const bool named = target.scope != HaltScope::kAll;
  if (named == target.name.empty()) {
    return fail(ErrorCode::kInvalid, named ? "halt: the kind or conversation has no name"
                                           : "halt: everything has no name");
  }
  if (target.name.size() > kMaxHaltNameBytes) {
    return fail(ErrorCode::kInvalid, "halt: a name of " + std::to_string(target.name.size()) +
                                         " bytes is over " + std::to_string(kMaxHaltNameBytes));
  }
  return {};
}

std::string_view about_of(HaltScope scope) {
  if (scope == HaltScope::kAll) return "all";
  return scope == HaltScope::kKind ? "kind" : "conversation";
}

Milliseconds usable_lease(Milliseconds lease) {
  return lease - std::min(lease / 5, Milliseconds{1000});
}

void sort_newest_first(std::vector<Job>& jobs, std::size_t limit) {
  std::sort(jobs.begin(), jobs.end(),
            [](const Job& a, const Job& b) { return a.id.str() > b.id.str(); });
  // A job that moved while the states were read one after the other was met in two of them.
  const auto same = [](const Job& a, const Job& b) { return a.id == b.id; };
  jobs.erase(std::unique(jobs.begin(), jobs.end(), same), jobs.end());
  if (jobs.size() > limit) jobs.resize(limit);
}

void unite_halts(std::vector<Halt>& halts) {
  std::sort(halts.begin(), halts.end(), [](const Halt& a, const Halt& b) {
    return std::tie(a.target, a.since_ms) < std::tie(b.target, b.since_ms);
  });
  const auto same = [](const Halt& a, const Halt& b) { return a.target == b.target; };
  halts.erase(std::unique(halts.begin(), halts.end(), same), halts.end());
}

void sort_audit(std::vector<AuditEntry>& entries, std::size_t limit) {
  std::stable_sort(entries.begin(), entries.end(),
                   [](const AuditEntry& a, const AuditEntry& b) { return a.at_ms > b.at_ms; });
  if (entries.size() > limit) entries.resize(limit);
}

tl::unexpected<Error> no_such_job(const JobId& id) {
  return fail(ErrorCode::kNotFound, "job=" + id.str() + ": no such job");
}

tl::unexpected<Error> cannot_drop(const JobId& id, JobState state) {
  const std::string what = "drop job=" + id.str() + ": ";
  if (state == JobState::kRunning) {
    return fail(
        ErrorCode::kConflict,
        what + "it is running; wait for the attempt to end, or park its conversation first");
  }
  return fail(ErrorCode::kConflict, what + "it is " + std::string(name_of(state)) + " already");
}

JobCounts no_jobs() {
  JobCounts counts;
  for (const JobState state :
       {JobState::kScheduled, JobState::kAvailable, JobState::kRunning, JobState::kRetryable,
        JobState::kCompleted, JobState::kCancelled, JobState::kDead}) {
    counts[std::string(name_of(state))] = 0;
  }
  return counts;
}

}  // namespace deskwire::jobs
