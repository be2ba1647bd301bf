#pragma once

#include <string>
#include <string_view>

#include "core/result.h"
#include "jobs/job_store.h"
#include "jobs/lane_limits.h"
#include "jobs/operator_store.h"

namespace deskwire::jobs {

/// What every store refuses before it touches anything.
/// @errors kInvalid: no lane, or a receipt or channel that is not of the lane's shard.
///         kTooLarge: payload over max_payload_bytes.
Status check_enqueue(const EnqueueRequest& request, const LaneLimits& limits);
/// @errors kInvalid: shard, `want` or the number of completions out of range.
Status check_step(const StepRequest& request);
/// @errors kInvalid: no name where one is needed, one that is not, or an overlong one.
Status check_halt(const HaltTarget& target);
/// @errors kInvalid: shard out of range.
Status check_shard(int shard);

/// The dedupe keys, and the receipt in their place when there is none but a repeat would leave a
/// trace: then at least a resend is recognised.
std::vector<std::string> effective_dedupe_keys(const EnqueueRequest& request);

/// Whether `candidate` is at least as new as `known`: by length, then by bytes, leading zeros of
/// decimal ids ignored. So decimal ids of any size compare as numbers without becoming doubles.
bool not_older_id(std::string_view candidate, std::string_view known);

/// How long a new job of this request waits at first.
Milliseconds initial_delay(const EnqueueRequest& request);

/// `text` cut to what is kept of an actor's name, control characters as '?'.
std::string kept_actor(std::string_view text);

/// `text` cut to what is kept of an error message, at a UTF-8 boundary.
std::string kept_error_message(std::string_view text);

/// How long after the request for it a lease may be acted upon by the local clock: the rest is a
/// margin for clocks that run differently.
Milliseconds usable_lease(Milliseconds lease);

/// Newest first (ids sort by time), each once, cut to `limit`.
void sort_newest_first(std::vector<Job>& jobs, std::size_t limit);
/// One of each target, the oldest: a pause of everything is kept by every shard. By scope and name.
void unite_halts(std::vector<Halt>& halts);
/// Newest first, cut to `limit`.
void sort_audit(std::vector<AuditEntry>& entries, std::size_t limit);
tl::unexpected<Error> no_such_job(const JobId& id);                  ///< kNotFound
tl::unexpected<Error> cannot_drop(const JobId& id, JobState state);  ///< kConflict
/// Every state with 0 jobs.
JobCounts no_jobs();

inline constexpr std::size_t kMaxWant = 64;
inline constexpr std::size_t kMaxCompletions = 1000;
inline constexpr std::size_t kMaxErrorMessageBytes = 500;
inline constexpr std::size_t kMaxActorBytes = 64;
inline constexpr std::size_t kMaxHaltNameBytes = 200;

}  // namespace deskwire::jobs
