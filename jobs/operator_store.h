#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "jobs/job.h"

namespace deskwire::jobs {

/// Who changes something and why; kept in the audit log.
struct Operator {
  std::string actor;   ///< "cli:ann", "admin:127.0.0.1"; the first 64 bytes are kept.
  std::string reason;  ///< May be empty; the first 500 bytes are kept.
};

/// Who parks a lane because its head has died (config jobs.dead_head).
inline constexpr std::string_view kDeadHeadActor = "policy:dead_head";

/// What a halt keeps from being leased. Timers and new jobs go on meanwhile.
enum class HaltScope : std::uint8_t {
  kAll,           ///< Pause of everything.
  kKind,          ///< Pause of a kind: lanes whose head is of it.
  kConversation,  ///< Pause of one lane.
  kParked         ///< A lane put aside: it does not count as waiting.
};
struct HaltTarget {
  HaltScope scope = HaltScope::kAll;
  std::string name;                                     ///< Kind or lane; empty for kAll.
  auto operator<=>(const HaltTarget&) const = default;  // NOLINT(modernize-use-nullptr)
};
struct Halt {
  HaltTarget target;
  std::int64_t since_ms = 0;
  Operator by;
};

/// A lane as it is now. Holds what a sentence about it needs.
struct LaneView {
  enum class Place : std::uint8_t { kNone, kReady, kLease, kTimers, kParked };
  std::int64_t now_ms = 0;  ///< Server time.
  std::size_t length = 0;   ///< Live jobs.
  /// Of the job asked for: live jobs before it; nullopt when it is not in the lane.
  std::optional<std::size_t> ahead;
  Place place = Place::kNone;
  std::int64_t place_ms = 0;       ///< kLease: its end; kTimers: due.
  std::size_t lanes_ready = 0;     ///< In this lane's shard.
  std::optional<Job> head;         ///< Without payload; nullopt: the lane is empty.
  std::optional<Halt> everything;  ///< The halts that keep this lane's head from running.
  std::optional<Halt> kind;
  std::optional<Halt> conversation;
  std::optional<Halt> parked;
};

/// How an attempt ended that did not complete its job.
struct PastAttempt {
  std::int64_t started_ms = 0;  ///< 0: unknown.
  std::int64_t ended_ms = 0;
  int number = 0;  ///< A deferred or lost attempt has the number of the next one.
  std::string worker;
  std::string error_code;  ///< "lease_lost": its process died or froze.
  std::string error_message;
};

struct AuditEntry {
  std::int64_t at_ms = 0;  ///< Server time.
  std::string verb;        ///< retry, replay, drop, pause, resume, park, unpark, fsck, take_in, …
  std::string
      about;  ///< "job", "conversation", "kind", "shard", "delivery", "client", "alert", "all"
  std::string name;    ///< Of that one; empty for "all".
  std::string made;    ///< replay: the new job.
  std::string batch;   ///< The bulk replay that it belongs to; empty: none.
  bool again = false;  ///< replay: it may have its effects a second time.
  Operator by;
};
struct AuditFilter {
  std::int64_t since_ms = 0;
  std::size_t limit = 100;
};

/// What operators do to jobs and ask about them, beside JobStore. Every change leaves an entry in
/// the audit log; a call that changes nothing leaves none, so repeating one is safe.
///
/// Errors of every call: kUnavailable or kTimeout (effect unknown; repeat it), kFull (Redis refuses
/// writes), kCorrupt (foreign data under our keys). What concerns all shards is done in the others
/// where that stands in the way of one.
///
/// Thread safety: every method may be called concurrently. Methods block for a few round trips.
class OperatorStore {
 public:
  virtual ~OperatorStore() = default;

  /// Begins a pause, or parks a lane. Running attempts end in their own time.
  /// @return False: it was halted already; by whom stays as it was.
  /// @errors kInvalid (empty or overlong name), kFull (too many halts in a shard).
  virtual Result<bool> halt(const HaltTarget& target, const Operator& by) = 0;
  /// Ends it; what may run again is offered to the workers at once.
  /// @return False: it was not halted.
  virtual Result<bool> resume(const HaltTarget& target, const Operator& by) = 0;
  /// Everything that is halted, pauses of everything first, then by name.
  virtual Result<std::vector<Halt>> halts() = 0;

  /// Cancels a job that waits or is dead; it stays to be looked at for as long as completed ones.
  /// An effect that it had announced is told to have failed. Again on a cancelled job: no change.
  /// @errors kNotFound, kConflict (running or completed).
  virtual Status drop(const JobId& id, const Operator& by) = 0;

  /// @param job  Whose place in the lane is asked for; may be empty.
  virtual Result<LaneView> look(const std::string& lane, const JobId& job) = 0;
  /// The lane's job that finished last, of those that are kept. Looks at a bounded number of them.
  virtual Result<std::optional<Job>> last_finished(const std::string& lane) = 0;

  /// How attempts ended: the newest ten, oldest first. The one that completed the job has no error
  /// code, and its steps as message; it is there only if it told them (CompletedJob::steps).
  virtual Result<std::vector<PastAttempt>> history(const JobId& id) = 0;

  /// Newest first.
  virtual Result<std::vector<AuditEntry>> audit(const AuditFilter& filter) = 0;
};

/// "all", "kind", "conversation", "conversation": what an audit entry calls it.
std::string_view about_of(HaltScope scope);

}  // namespace deskwire::jobs
