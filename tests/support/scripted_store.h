#pragma once

#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/mutex.h"
#include "jobs/memory_job_store.h"

namespace deskwire::testing {

/// A store in memory that answers enqueue and look-ups as a test says: it may fail, stay silent, or
/// do its work and lose the answer.
///
/// Thread safety: every method may be called concurrently.
class ScriptedStore final : public jobs::JobStore {
 public:
  explicit ScriptedStore(const Clock& clock) : memory_(clock) {}
  /// Ends what is still held, as a store does that is stopped.
  ~ScriptedStore() override {
    for (const Held& one : take_held()) one.done(fail_with(ErrorCode::kCancelled));
  }
  ScriptedStore(const ScriptedStore&) = delete;
  ScriptedStore& operator=(const ScriptedStore&) = delete;

  enum class Fault { kNone, kRefuse, kLoseAnswer, kHold };
  /// What happens to the next calls of enqueue_async, one each; then all is well again.
  void next(std::initializer_list<std::pair<Fault, ErrorCode>> faults) {
    const MutexLock lock(mutex_);
    faults_.assign(faults.begin(), faults.end());
  }
  void fail_lookups(bool fail) {
    const MutexLock lock(mutex_);
    lookups_fail_ = fail;
  }
  /// Runs the enqueues that are held back.
  void release_held() {
    for (const Held& one : take_held()) one.done(memory_.enqueue(one.request));
  }
  std::size_t held() const {
    const MutexLock lock(mutex_);
    return held_.size();
  }
  std::vector<std::string> receipts() const {
    const MutexLock lock(mutex_);
    return receipts_;
  }
  jobs::MemoryJobStore& memory() { return memory_; }

  void enqueue_async(jobs::EnqueueRequest request,
                     std::function<void(Result<jobs::EnqueueResult>)> done) override {
    std::pair<Fault, ErrorCode> fault{Fault::kNone, ErrorCode::kInternal};
    {
      const MutexLock lock(mutex_);
      receipts_.push_back(request.receipt);
      if (!faults_.empty()) {
        fault = faults_.front();
        faults_.pop_front();
      }
      if (fault.first == Fault::kHold) {
        held_.push_back({std::move(request), std::move(done)});
        return;
      }
    }
    if (fault.first == Fault::kLoseAnswer) (void)memory_.enqueue(request);
    if (fault.first == Fault::kNone) return done(memory_.enqueue(request));
    done(fail_with(fault.second));
  }
  Result<jobs::EnqueueResult> enqueue(const jobs::EnqueueRequest& request) override {
    return memory_.enqueue(request);
  }
  Result<jobs::StepResult> step(const jobs::StepRequest& request) override {
    return memory_.step(request);
  }
  Result<jobs::Intent> intend(const jobs::Lease& lease, const std::string& effect,
                              const std::string& reply, const std::vector<Event>& events,
                              const Event& unfinished) override {
    return memory_.intend(lease, effect, reply, events, unfinished);
  }
  Result<jobs::FailResult> fail(const jobs::FailRequest& request) override {
    return memory_.fail(request);
  }
  Result<jobs::BeatResult> beat(const jobs::BeatRequest& request) override {
    return memory_.beat(request);
  }
  Status release(const jobs::Lease& lease) override { return memory_.release(lease); }
  Result<jobs::ConversationState> conversation(const std::string& lane) override {
    return memory_.conversation(lane);
  }
  Result<std::string> mapped_message(const std::string& lane,
                                     const std::string& helpdesk_id) override {
    return memory_.mapped_message(lane, helpdesk_id);
  }
  void mapped_message_async(std::string lane, std::string helpdesk_id,
                            std::function<void(Result<std::string>)> done) override {
    bool fails = false;
    {
      const MutexLock lock(mutex_);
      fails = lookups_fail_;
    }
    done(fails ? Result<std::string>(fail_with(ErrorCode::kUnavailable))
               : memory_.mapped_message(lane, helpdesk_id));
  }
  Result<jobs::Job> get(const JobId& id) override { return memory_.get(id); }
  Result<std::vector<jobs::Job>> list(const jobs::JobFilter& filter) override {
    return memory_.list(filter);
  }
  Result<jobs::JobCounts> counts() override { return memory_.counts(); }
  Result<jobs::KindCounts> counts_by_kind() override { return memory_.counts_by_kind(); }
  Status retry_now(const JobId& id, const std::string& actor, const std::string& reason) override {
    return memory_.retry_now(id, actor, reason);
  }
  Result<JobId> replay(const JobId& id, bool again, const std::string& actor,
                       const std::string& reason) override {
    return memory_.replay(id, again, actor, reason);
  }

 private:
  struct Held {
    jobs::EnqueueRequest request;
    std::function<void(Result<jobs::EnqueueResult>)> done;
  };
  std::vector<Held> take_held() {
    const MutexLock lock(mutex_);
    return std::exchange(held_, {});
  }
  static tl::unexpected<Error> fail_with(ErrorCode code) {
    return deskwire::fail(code, "scripted: as the test wants it");
  }

  jobs::MemoryJobStore memory_;
  mutable Mutex mutex_;
  std::deque<std::pair<Fault, ErrorCode>> faults_ DW_GUARDED_BY(mutex_);
  std::vector<Held> held_ DW_GUARDED_BY(mutex_);
  std::vector<std::string> receipts_ DW_GUARDED_BY(mutex_);
  bool lookups_fail_ DW_GUARDED_BY(mutex_) = false;
};

}  // namespace deskwire::testing
