#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "jobs/job_store.h"
#include "tests/support/event_probe.h"

namespace deskwire::testing {

/// A JobStore behind a bad connection: what is asked is done, but answers get lost.
///
/// Thread safety: as the store behind it.
class UnreliableJobStore final : public jobs::JobStore {
 public:
  explicit UnreliableJobStore(jobs::JobStore& inner) : inner_(inner) {}

  /// The next `count` answers of step are lost, or are this error.
  void lose_step_answers(int count, ErrorCode instead = ErrorCode::kTimeout) {
    instead_ = instead;
    to_lose_ = count;
  }
  EventProbe<int> lost;

  Result<jobs::StepResult> step(const jobs::StepRequest& request) override {
    auto result = inner_.step(request);
    if (to_lose_.fetch_sub(1) <= 0) {
      to_lose_ = 0;
      return result;
    }
    lost.push(request.shard);
    return deskwire::fail(instead_, "lost");
  }

  void enqueue_async(jobs::EnqueueRequest request,
                     std::function<void(Result<jobs::EnqueueResult>)> done) override {
    inner_.enqueue_async(std::move(request), std::move(done));
  }
  Result<jobs::EnqueueResult> enqueue(const jobs::EnqueueRequest& request) override {
    return inner_.enqueue(request);
  }
  Result<jobs::Intent> intend(const jobs::Lease& lease, const std::string& effect,
                              const std::string& reply, const std::vector<Event>& events,
                              const Event& unfinished) override {
    return inner_.intend(lease, effect, reply, events, unfinished);
  }
  Result<jobs::FailResult> fail(const jobs::FailRequest& request) override {
    return inner_.fail(request);
  }
  Result<jobs::BeatResult> beat(const jobs::BeatRequest& request) override {
    return inner_.beat(request);
  }
  Status release(const jobs::Lease& lease) override { return inner_.release(lease); }
  Result<jobs::ConversationState> conversation(const std::string& lane) override {
    return inner_.conversation(lane);
  }
  Result<std::string> mapped_message(const std::string& lane,
                                     const std::string& helpdesk_id) override {
    return inner_.mapped_message(lane, helpdesk_id);
  }
  void mapped_message_async(std::string lane, std::string helpdesk_id,
                            std::function<void(Result<std::string>)> done) override {
    inner_.mapped_message_async(std::move(lane), std::move(helpdesk_id), std::move(done));
  }
  Result<jobs::Job> get(const JobId& id) override { return inner_.get(id); }
  Result<std::vector<jobs::Job>> list(const jobs::JobFilter& filter) override {
    return inner_.list(filter);
  }
  Result<jobs::JobCounts> counts() override { return inner_.counts(); }
  Result<jobs::KindCounts> counts_by_kind() override { return inner_.counts_by_kind(); }
  Status retry_now(const JobId& id, const std::string& actor, const std::string& reason) override {
    return inner_.retry_now(id, actor, reason);
  }
  Result<JobId> replay(const JobId& id, bool again, const std::string& actor,
                       const std::string& reason) override {
    return inner_.replay(id, again, actor, reason);
  }

 private:
  jobs::JobStore& inner_;
  std::atomic<int> to_lose_{0};
  std::atomic<ErrorCode> instead_{ErrorCode::kTimeout};
};

}  // namespace deskwire::testing
