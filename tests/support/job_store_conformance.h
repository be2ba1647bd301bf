#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "jobs/job_store.h"
#include "jobs/lane_limits.h"
#include "jobs/operator_store.h"

namespace deskwire::testing {

/// A JobStore and what the conformance suite needs to see behind it.
class JobStoreHarness {
 public:
  struct Shown {
    std::string id;
    std::string name;
    std::string data;
  };

  virtual ~JobStoreHarness() = default;
  virtual jobs::JobStore& store() = 0;
  virtual jobs::OperatorStore& operators() = 0;
  /// The store's server time goes on by at least this much.
  virtual void pass(Milliseconds by) = 0;
  /// Kept events of a channel, oldest first.
  virtual std::vector<Shown> shown(const std::string& channel) = 0;
  virtual std::vector<std::string> facts(const std::string& lane) = 0;
  /// Violations of the lane invariant in all shards, and counters that a recount contradicts.
  virtual std::vector<std::string> violations() = 0;
  /// How many ids of finished jobs are kept in all.
  virtual std::int64_t finished_kept() = 0;
};

/// The suite (job_store_*_conformance.cc) is linked with one definition of this for each store.
std::unique_ptr<JobStoreHarness> make_job_store_harness(const jobs::LaneLimits& limits);

/// What most cases do with a store, each step required to succeed.
class LaneDriver {
 public:
  explicit LaneDriver(const jobs::LaneLimits& limits = {});
  explicit LaneDriver(std::unique_ptr<JobStoreHarness> harness) : harness_(std::move(harness)) {}

  jobs::JobStore& store() { return harness_->store(); }
  jobs::OperatorStore& operators() { return harness_->operators(); }
  JobStoreHarness& harness() { return *harness_; }

  jobs::EnqueueRequest request(const std::string& lane, const std::string& payload = "p") const;
  std::string enqueue(const std::string& lane, const std::string& payload = "p");
  jobs::EnqueueResult enqueue(const jobs::EnqueueRequest& request);
  std::vector<jobs::Lease> take(const std::string& lane, std::size_t want = 1);
  /// The one lease that must be there.
  jobs::Lease take_one(const std::string& lane);
  jobs::StepResult step(const jobs::StepRequest& request);
  void complete(const jobs::Lease& lease, const std::string& outcome = "replied");
  jobs::StepResult complete(jobs::CompletedJob completed, const std::string& lane);
  jobs::FailResult fail(const jobs::Lease& lease, jobs::FailureClass failure,
                        Milliseconds delay = Milliseconds{0},
                        const std::string& code = "unavailable");
  jobs::BeatResult beat(const std::string& lane);
  jobs::Job job(const std::string& id);
  void require_sound();

  WorkerId worker{"w-test"};
  std::uint64_t last_request = 0;

 private:
  std::unique_ptr<JobStoreHarness> harness_;
};

/// The `index`-th lane name that lies in the same shard as lane "42".
std::string lane_beside(int index);

}  // namespace deskwire::testing
