#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/event.h"
#include "core/result.h"
#include "jobs/job_store.h"
#include "jobs/lane_limits.h"
#include "jobs/operator_store.h"

namespace deskwire::jobs {

/// The events appended by all shards of a MemoryJobStore, in order.
class MemoryEventLog {
 public:
  /// @return The event's offset in its channel; 0 when it is not kept.
  std::uint64_t append(const Event& event);
  const std::vector<Event>& events() const { return events_; }

 private:
  std::vector<Event> events_;
  std::map<std::string, std::uint64_t> tops_;
  std::map<std::string, std::uint64_t> once_;  ///< channel + id -> offset
};

/// One shard of a MemoryJobStore: the scripts of jobs/scripts over plain containers. Invariant as
/// there: a lane with jobs is in exactly one of ready, lease, timers, parked; one without in none.
///
/// Thread safety: none; the store holds its lock.
class MemoryJobShard {
 public:
  MemoryJobShard(int shard, const LaneLimits& limits, MemoryEventLog& log);

  Result<EnqueueResult> enqueue(const EnqueueRequest& request, std::int64_t now);
  Result<StepResult> step(const StepRequest& request, std::int64_t now);
  Result<Intent> intend(const Lease& lease, const std::string& effect, const std::string& reply,
                        const std::vector<Event>& events, const Event& unfinished,
                        std::int64_t now);
  FailResult fail(const FailRequest& request, std::int64_t now);
  BeatResult beat(const BeatRequest& request, std::int64_t now);
  Status release(const Lease& lease, std::int64_t now);

  ConversationState conversation(const std::string& lane) const;
  std::string mapped_message(const std::string& lane, const std::string& helpdesk_id) const;
  const std::vector<std::string>& facts(const std::string& lane) { return facts_[lane]; }

  Result<Job> get(const JobId& id) const;
  void list(const JobFilter& filter, std::vector<Job>& into) const;
  void count(JobCounts& into) const;
  void count(KindCounts& into) const;
  Status retry_now(const JobId& id, std::int64_t now);
  Result<JobId> replay(const JobId& id, bool again, std::int64_t now);
  void check(std::vector<std::string>& violations) const;

  // The half in memory_job_operators.cc.
  Result<bool> halt(const HaltTarget& target, const Operator& by, std::int64_t now);
  bool resume(const HaltTarget& target, std::int64_t now);
  void halts(std::vector<Halt>& into) const;
  /// @return False: it was cancelled before.
  Result<bool> drop(const JobId& id, std::int64_t now);
  LaneView look(const std::string& lane, const JobId& job, std::int64_t now) const;
  std::vector<PastAttempt> history(const JobId& id) const;
  std::optional<Job> last_finished(const std::string& lane) const;

 private:
  struct Record {
    Job job;
    std::int64_t token = 0;
    std::vector<PastAttempt> history;  ///< Oldest first.
    std::string effect;                ///< Opened by an intent of this job; empty: none.
    bool takes_more = false;
    std::vector<std::string> more;  ///< Payloads of messages that joined.
  };
  struct Effect {
    bool done = false;
    std::int64_t token = 0;
    std::string remote_id;
    std::int64_t intended_at_ms = 0;
  };
  /// What an intent leaves behind for later attempts and replays of the root job.
  struct Memo {
    std::string reply;
    bool shown = false;  ///< The intent's events were appended.
    std::optional<Event> unfinished;
  };
  struct Answer {
    std::uint64_t request = 0;
    std::vector<std::pair<JobId, std::int64_t>> leases;
    std::vector<JobId> stale;
  };
  struct Seen {
    std::string receipt;
    std::string job;  ///< Empty: none was made.
  };

  /// Time of the end, and id: oldest first, also when the clock has jumped back.
  using FinishedJobs = std::set<std::pair<std::int64_t, JobId>>;

  Record* held(const JobId& id, std::int64_t token);
  bool ended_by(const JobId& id, std::int64_t token, JobState state) const;
  const Seen* find_seen(const EnqueueRequest& request, std::int64_t today) const;
  void remember_seen(const EnqueueRequest& request, std::int64_t today, const Seen& seen);
  void merge_state(const std::string& lane, const ConversationState& news);
  void close_echo(const EnqueueRequest& request);
  bool is_edit(const MessageText& text, const std::string& lane);
  Record* join(const EnqueueRequest& request, std::int64_t now);
  void insert(Job job, std::int64_t now);
  void hand_back(Record& record, std::int64_t now);
  void advance(const std::string& lane, std::int64_t now);
  void complete(const CompletedJob& completed, Record& record, std::int64_t now);
  void bury(Record& record, const std::string& code, const std::string& message, std::int64_t now);
  void append_unfinished(Record& record, std::string_view reason, std::int64_t now);
  Lease lease_of(const Record& record) const;
  void take(const StepRequest& request, Answer& answer, std::int64_t now);
  void reclaim(BeatResult& result, std::int64_t now);
  void promote(BeatResult& result, std::int64_t now);
  void trim(std::int64_t now);
  std::int64_t next_due() const;
  std::optional<Halt> halt_of(HaltScope scope, const std::string& name) const;
  static void note_attempt(Record& record, const std::string& code, const std::string& message,
                           std::int64_t now);
  bool hold(const std::string& lane, const Job& head);
  bool parked_by_policy(const std::string& lane) const;
  bool park_dead_head(const Job& job, std::int64_t now);
  std::int64_t oldest_waiting() const;
  void erase(FinishedJobs& finished);

  int shard_;
  const LaneLimits& limits_;
  MemoryEventLog& log_;
  std::int64_t fence_ = 0;
  std::map<JobId, Record> jobs_;
  std::map<std::string, std::deque<JobId>> lanes_;
  std::deque<std::string> ready_;
  std::map<std::string, std::int64_t> lease_;   ///< lane -> expiry
  std::map<std::string, std::int64_t> timers_;  ///< lane -> due
  std::map<std::string, std::int64_t> parked_;  ///< lane -> due; 0: it does not count as waiting
  std::map<HaltTarget, Halt> halts_;
  FinishedJobs done_;
  FinishedJobs dead_;
  FinishedJobs cancelled_;
  std::map<std::int64_t, std::map<std::string, Seen>> seen_;  ///< day -> key
  std::map<std::string, Effect> effects_;
  std::map<JobId, Memo> memos_;  ///< By root.
  std::map<std::string, ConversationState> states_;
  std::map<std::string, std::map<std::string, std::string>> mapped_;
  /// By lane and message; unset: it is gone.
  std::map<std::string, std::map<std::string, std::optional<std::string>>> texts_;
  std::map<std::string, std::vector<std::string>> facts_;
  std::map<WorkerId, Answer> answers_;
};

}  // namespace deskwire::jobs
