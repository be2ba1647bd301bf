#include "tests/support/job_store_conformance.h"

#include "core/channel.h"
#include "core/ids.h"
#include "tests/support/catch.h"

namespace deskwire::testing {

using namespace jobs;

LaneDriver::LaneDriver(const LaneLimits& limits) : harness_(make_job_store_harness(limits)) {}

EnqueueRequest LaneDriver::request(const std::string& lane, const std::string& payload) const {
  EnqueueRequest request;
  request.lane = lane;
  request.receipt = new_job_id(SystemClock().wall_ms(), shard_of_lane(lane)).str();
  request.kind = "reply";
  request.payload = payload;
  request.max_attempts = 3;
  return request;
}

std::string LaneDriver::enqueue(const std::string& lane, const std::string& payload) {
  return enqueue(request(lane, payload)).job;
}

EnqueueResult LaneDriver::enqueue(const EnqueueRequest& request) {
  Result<EnqueueResult> result = store().enqueue(request);
  INFO((result ? std::string() : result.error().message));
  REQUIRE(result);
  return *result;
}

StepResult LaneDriver::step(const StepRequest& request) {
  Result<StepResult> result = store().step(request);
  INFO((result ? std::string() : result.error().message));
  REQUIRE(result);
  return *result;
}

std::vector<Lease> LaneDriver::take(const std::string& lane, std::size_t want) {
  return step({shard_of_lane(lane), worker, ++last_request, {}, want}).leases;
}

Lease LaneDriver::take_one(const std::string& lane) {
  std::vector<Lease> leases = take(lane);
  REQUIRE(leases.size() == 1);
  return leases.front();
}

void LaneDriver::complete(const Lease& lease, const std::string& outcome) {
  CompletedJob completed;
  completed.id = lease.id;
  completed.token = lease.token;
  completed.messages = lease.messages();
  completed.outcome = outcome;
  REQUIRE(complete(completed, lease.lane).stale.empty());
}

StepResult LaneDriver::complete(CompletedJob completed, const std::string& lane) {
  return step({shard_of_lane(lane), worker, ++last_request, {std::move(completed)}, 0});
}

FailResult LaneDriver::fail(const Lease& lease, FailureClass failure, Milliseconds delay,
                            const std::string& code) {
  FailRequest request;
  request.lease = lease;
  request.failure = failure;
  request.error_code = code;
  request.error_message = "it did not work";
  request.delay = delay;
  const Result<FailResult> result = store().fail(request);
  REQUIRE(result);
  return *result;
}

BeatResult LaneDriver::beat(const std::string& lane) {
  const Result<BeatResult> result = store().beat({shard_of_lane(lane), worker, {}});
  INFO((result ? std::string() : result.error().message));
  REQUIRE(result);
  return *result;
}

Job LaneDriver::job(const std::string& id) {
  const Result<Job> result = store().get(JobId(id));
  INFO((result ? std::string() : result.error().message));
  REQUIRE(result);
  return *result;
}

void LaneDriver::require_sound() {
  const std::vector<std::string> violations = harness().violations();
  CAPTURE(violations);
  REQUIRE(violations.empty());
}

std::string lane_beside(int index) {
  const int shard = shard_of_lane("42");
  for (int candidate = 1000, found = -1;; ++candidate) {
    std::string lane = std::to_string(candidate);
    if (shard_of_lane(lane) == shard && ++found == index) return lane;
  }
}

}  // namespace deskwire::testing
