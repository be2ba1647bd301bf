#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/ids.h"
#include "jobs/conversation_state.h"

namespace deskwire::jobs {

/// State machine (docs/operations.md draws it). `scheduled` waits for its time, `available` waits
/// for a worker, `running` is leased, `retryable` waits out a backoff.
enum class JobState : std::uint8_t {
  kScheduled,
  kAvailable,
  kRunning,
  kRetryable,
  kCompleted,
  kCancelled,
  kDead
};
std::string_view name_of(JobState state);
/// Completed, cancelled or dead: only what has ended can be replayed.
bool is_finished(JobState state);
std::optional<JobState> job_state_of(std::string_view name);

/// A job as operators see it.
struct Job {
  JobId id;
  std::string kind;  ///< "reply"
  std::string lane;  ///< Conversation key.
  JobState state = JobState::kAvailable;
  std::int64_t created_at_ms = 0;
  std::int64_t due_at_ms = 0;
  std::int64_t finished_at_ms = 0;  ///< 0 while unfinished.
  int attempt = 0;                  ///< Attempts begun; deferrals do not count.
  int max_attempts = 0;
  int crashes = 0;                ///< Leases that ran out.
  std::string worker;             ///< Holder of the lease while running.
  std::int64_t leased_at_ms = 0;  ///< Since when it holds it; 0: not running.
  std::string error_code;         ///< Of the last failure: "rate_limited", "unparsable", …
  std::string error_message;      ///< ≤ 500 bytes, without bodies.
  std::string outcome;            ///< completed: "replied", "skipped:answered_by_human", …
  JobId parent;                   ///< The job that this one replays; empty for originals.
  JobId replay;                   ///< The newest job that replays this one; empty: none.
  JobId root;                     ///< The first of the line; itself for originals.
  int messages = 1;               ///< Messages that it holds; more than 1 when others joined it.
  /// Of the first one. Filled by get(), empty in lists. Personal data: not logged.
  std::string payload;
};

/// One attempt's exclusive right to run a job until `expires_at` (server time), proven by `token`.
struct Lease {
  JobId id;
  std::string kind;
  std::string lane;
  std::string payload;
  /// Of the messages that joined the job after its first one (EnqueueRequest::debounce), in order.
  std::vector<std::string> more_payloads;
  bool takes_more = false;  ///< More may join while it has announced no effect.
  JobId root;
  std::int64_t token = 0;  ///< Fence: grows with every lease of the shard.
  int attempt = 1;         ///< 1 for the first.
  int max_attempts = 1;
  int crashes = 0;
  std::int64_t created_at_ms = 0;
  std::int64_t leased_at_ms = 0;  ///< Server time.
  std::string saved_reply;  ///< Text saved with the intent of an earlier attempt; empty: none.
  /// What was known of the conversation when the job was leased; unset where it could not be read
  /// with the lease.
  std::optional<ConversationState> conversation;
  /// How many messages the attempt knows; what joined since makes it begin anew.
  std::size_t messages() const { return 1 + more_payloads.size(); }
  MonotonicTime local_deadline;  ///< Request time + lease − margin, on this process's clock: after
                                 ///< it no effect may be started without a renewal.
};

}  // namespace deskwire::jobs
