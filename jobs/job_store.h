#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/event.h"
#include "core/result.h"
#include "jobs/conversation_state.h"
#include "jobs/job.h"

namespace deskwire::jobs {

/// A customer's burst becomes one job: messages that come before its attempt has announced an
/// effect join it, and begin a running attempt anew.
struct Debounce {
  Milliseconds quiet{0};     ///< The job waits until nothing came for so long,
  Milliseconds max_wait{0};  ///< but at most this since its first message,
  int max_messages = 1;      ///< and with this many it is due at once. The next make another job.
};

/// What a message says, as news of it tell: helpdesks send the whole message again when anything
/// about it changes, so an edit is what says something else than before.
struct MessageText {
  std::string message;  ///< The helpdesk's id.
  std::string content;
  /// Appended when the conversation's newest texts hold another one for this message; unset: what
  /// people see of it now, which is only remembered.
  std::optional<Event> edited;
  bool assume_edit = false;  ///< `edited` is also appended where no text is remembered.
  bool deleted = false;      ///< The message is gone: later news of it are no edits.
};

/// One atomic step: dedupe, job, fact, conversation state and events, all or nothing.
struct EnqueueRequest {
  std::string lane;                      ///< Conversation key; decides the shard.
  std::string receipt;                   ///< Minted by the caller (a job id even when no job is
                                         ///< made): a resend of it is recognised as itself.
  std::vector<std::string> dedupe_keys;  ///< Any one seen today or yesterday makes a duplicate.
  std::string kind;                      ///< Empty: no job.
  std::string payload;
  int max_attempts = 8;
  Milliseconds delay{0};
  std::optional<Debounce> debounce;  ///< Then `delay` is ignored.
  /// Set: the job is written straight to the dead letters with this error (unparsable payloads).
  std::string bury_code;
  std::string bury_message;
  std::string fact;                        ///< JSON for the conversation's fact log; empty: none.
  std::vector<Event> events;               ///< Channels of this lane only (same slot).
  std::optional<ConversationState> state;  ///< Non-empty fields replace, newer updated_at_ms wins
                                           ///< for status/assignee; last_* by larger message id.
  /// Echo of our own post: (helpdesk message id, our message id). Also marks an open effect done.
  /// Or (helpdesk message id, kPrivateNote).
  std::optional<std::pair<std::string, std::string>> echo;
  std::optional<MessageText> text;
};

struct EnqueueResult {
  std::string job;                     ///< The job's id, empty when none was made. Not the
                                       ///< receipt where an earlier job took the message in.
  bool duplicate = false;              ///< Then `job` is the first one's.
  std::string receipt;                 ///< Of a duplicate: the first one's.
  std::vector<std::uint64_t> offsets;  ///< One an event (then an edit, if it was one); 0
                                       ///< for not kept ones. Empty for a duplicate and for a
                                       ///< resend: they append nothing.
};

/// Stand in an Event's data (and kNowPlaceholder for its timestamp: pass timestamp = -1) for what
/// only the closing script knows: its server time in ms, and the error code as plain text.
inline constexpr std::string_view kNowPlaceholder = "@now@";
inline constexpr std::string_view kReasonPlaceholder = "@reason@";

/// What became of an effect that an attempt wants to have.
enum class IntentAnswer : std::uint8_t {
  kGo,          ///< Recorded now; do it.
  kVerify,      ///< An earlier attempt recorded it and may have done it: look before doing it.
  kDone,        ///< It is done; `remote_id` says what it made. Skip it.
  kSuperseded,  ///< Nothing was recorded: more messages joined the job. Give the lease back.
};
struct Intent {
  IntentAnswer answer = IntentAnswer::kGo;
  std::string remote_id;
  std::string saved_reply;  ///< kGo, kVerify: the text of the first intent, to be posted as is.
  /// kVerify: server time of the intent that is open; 0 unknown. While it is young, a post that
  /// cannot be seen may still be on its way.
  std::int64_t intended_at_ms = 0;
  /// kGo: what is known of the conversation at this moment, for the guards before the post. Unset
  /// where it could not be read with the answer.
  std::optional<ConversationState> conversation;
};

struct CompletedJob {
  JobId id;
  std::int64_t token = 0;
  /// How many messages the attempt knew. Without an effect, a job that took in more since is not
  /// done: it runs again.
  std::size_t messages = 1;
  std::string outcome;         ///< "replied", "skipped:<reason>"
  std::string effect;          ///< Effect key to close as done; empty: none.
  std::string remote_id;       ///< What the effect made (helpdesk message id).
  std::string our_message_id;  ///< Mapped from remote_id for later events; empty: none.
  /// How long its steps took, for people: kept in the job's history; empty: nothing is kept.
  std::string steps;
  /// Appended; with an effect only by the first completion after an intent for it, so that a replay
  /// which finds it done shows nothing again.
  std::vector<Event> events;
};

struct StepRequest {
  int shard = 0;
  WorkerId worker;
  std::uint64_t request = 0;  ///< Grows by one with each new step of this worker and shard;
                              ///< a repeat of the last number gets the stored answer.
  std::vector<CompletedJob> completed;
  std::size_t want = 1;  ///< Leases wanted, 0..64.
};
struct StepResult {
  std::vector<Lease> leases;
  std::vector<JobId> stale;      ///< Completions refused: the lease was no longer ours.
  std::int64_t next_due_ms = 0;  ///< Server time of the shard's next timer; 0: none.
  std::int64_t now_ms = 0;       ///< Server time.
};

/// What the caller decided from the error code alone.
enum class FailureClass : std::uint8_t {
  kRetryable,  ///< Attempt consumed; backoff.
  kDeferred,   ///< Rate limit, open circuit, waiting for an echo: no attempt consumed.
  kPermanent,  ///< Dead letter at once.
};
struct FailRequest {
  Lease lease;
  FailureClass failure = FailureClass::kRetryable;
  std::string error_code;     ///< [a-z_]{1,40}
  std::string error_message;  ///< ≤ 500 bytes are kept.
  Milliseconds delay{0};    ///< Until the next attempt (caller: backoff with jitter, Retry-After).
  std::string void_effect;  ///< Effect key that surely did not happen: reopened for kGo.
  std::vector<Event> events_if_dead;  ///< Appended only when the job is buried by this call.
};
struct FailResult {
  bool dead = false;
  bool stale = false;  ///< The lease was no longer ours; nothing changed.
};

struct Renewal {
  JobId id;
  std::int64_t token = 0;
  std::size_t messages = 1;  ///< How many the attempt knows.
};
struct BeatRequest {
  int shard = 0;
  WorkerId worker;
  std::vector<Renewal> renew;  ///< Leases held.
};
struct BeatResult {
  std::vector<JobId> lost;         ///< No longer ours: abort them.
  std::vector<JobId> superseded;   ///< Took in more messages: their attempts should begin anew.
  std::int64_t now_ms = 0;         ///< Server time.
  std::int64_t next_due_ms = 0;    ///< Of timers; 0: none.
  std::int64_t oldest_due_ms = 0;  ///< Due of the first job in line (ready lanes); 0: none waits.
  int reclaimed = 0;
  int promoted = 0;
  int buried = 0;      ///< Poison jobs.
  bool ready = false;  ///< Jobs are ready in this shard: fetch.
};

struct JobFilter {
  std::optional<JobState> state;
  std::string kind;
  std::string lane;
  std::string error_code;
  std::int64_t since_ms = 0;  ///< created_at >= since
  std::int64_t until_ms = 0;  ///< created_at < until; 0: no end
  std::size_t limit = 100;
};
using JobCounts = std::map<std::string, std::int64_t>;  ///< State name -> jobs.
using KindCounts = std::map<std::string, JobCounts>;    ///< Kind -> every state -> jobs.

/// Durable lanes of jobs with leases. At least once: a job may run twice, it is never lost. One
/// FIFO lane a conversation: its head stays in place until it is finished for good.
///
/// Every change is one atomic script and safe to repeat after a lost answer.
///
/// Errors of every call: kUnavailable or kTimeout (effect unknown; repeat the same request), kFull
/// (Redis refuses writes: only enqueue and operator verbs, never completion), kCorrupt (foreign
/// data under our keys).
///
/// Thread safety: every method may be called concurrently. Blocking methods take one round trip and
/// must not be called on an I/O loop.
class JobStore {
 public:
  virtual ~JobStore() = default;

  /// `done` may run on any thread and must not block.
  /// @errors kRateLimited: the lane holds as many jobs as it may (jobs.max_lane_jobs); others go
  /// on.
  virtual void enqueue_async(EnqueueRequest request,
                             std::function<void(Result<EnqueueResult>)> done) = 0;
  virtual Result<EnqueueResult> enqueue(const EnqueueRequest& request) = 0;

  /// Completes and leases. A completion that this lease already made counts as done, not as stale.
  /// @errors kConflict: a later request of this worker was answered already. Worker ids must be new
  ///         with each start of a process.
  virtual Result<StepResult> step(const StepRequest& request) = 0;
  /// Records that the effect is about to happen, with the text to be posted, and appends `events`
  /// when they were never appended for this root job. Extends the lease. Where an earlier attempt
  /// left a text, that one is to be posted: `saved_reply` of the answer.
  /// @param unfinished  Appended by whichever script closes the job (bury, poison, completion
  ///                    without this effect) while the effect is not done. In its data,
  ///                    kNowPlaceholder and kReasonPlaceholder are replaced by the script.
  /// @errors kStale: the lease is no longer ours.
  virtual Result<Intent> intend(const Lease& lease, const std::string& effect,
                                const std::string& reply, const std::vector<Event>& events,
                                const Event& unfinished) = 0;
  /// A dead job of kind "reply" is followed, in the same script, by a job of kind "handoff" with
  /// the same payload at the end of its lane: a dead reply always reaches a human, even after kill
  /// -9. The same holds for poison jobs buried by `beat`. Where dead heads park their lane
  /// (LaneLimits), the hand-off comes first and the lane is parked by kDeadHeadActor: nothing else
  /// of it runs until it is unparked, and a replay of the dead job comes before the rest.
  virtual Result<FailResult> fail(const FailRequest& request) = 0;
  /// Renews, reclaims expired leases (≥ max_crashes of them: dead letter "poison"), promotes due
  /// timers, trims retention. Idempotent in any process: there is no leader.
  virtual Result<BeatResult> beat(const BeatRequest& request) = 0;
  /// As above without waiting; `done` may run on any thread and must not block.
  virtual void beat_async(const BeatRequest& request,
                          const std::function<void(Result<BeatResult>)>& done) {
    done(beat(request));
  }
  /// Gives a lease back unpunished (graceful stop): the lane goes to the front.
  virtual Status release(const Lease& lease) = 0;

  virtual Result<ConversationState> conversation(const std::string& lane) = 0;
  /// As above, for callers on an I/O loop; `done` may run on any thread and must not block.
  virtual void conversation_async(const std::string& lane,
                                  const std::function<void(Result<ConversationState>)>& done) {
    done(conversation(lane));
  }
  /// Our message id for a helpdesk's message id; empty: not one of ours.
  virtual Result<std::string> mapped_message(const std::string& lane,
                                             const std::string& helpdesk_id) = 0;
  /// As above, for callers on an I/O loop.
  virtual void mapped_message_async(std::string lane, std::string helpdesk_id,
                                    std::function<void(Result<std::string>)> done) = 0;

  /// @errors kNotFound.
  virtual Result<Job> get(const JobId& id) = 0;
  virtual Result<std::vector<Job>> list(const JobFilter& filter) = 0;
  virtual Result<JobCounts> counts() = 0;
  /// The same by kind: a kind that no job is of may be missing.
  virtual Result<KindCounts> counts_by_kind() = 0;
  /// Makes a retryable or scheduled job due now; audited.
  /// @errors kNotFound, kConflict (not retryable or scheduled).
  virtual Status retry_now(const JobId& id, const std::string& actor,
                           const std::string& reason) = 0;
  /// A new job with the same payload and root (so the same effect keys), parent = id. `again` gives
  /// it a root of its own, so that it may post again. While an earlier replay is under way, that
  /// one is the answer: a repeated call makes no second job.
  /// @errors kNotFound, kConflict (neither dead nor completed nor cancelled).
  virtual Result<JobId> replay(const JobId& id, bool again, const std::string& actor,
                               const std::string& reason) = 0;
};

}  // namespace deskwire::jobs
