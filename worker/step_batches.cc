#include "worker/step_batches.h"

#include <algorithm>
#include <utility>

namespace deskwire::worker {
namespace {

// Bounds how long Redis is busy with one step.
constexpr std::size_t kMaxBatch = 32;

}  // namespace

std::vector<StepBatches::Caller*> StepBatches::next_batch(Shard& shard) {
  const std::size_t size = std::min(kMaxBatch, shard.waiting.size());
  const auto end = shard.waiting.begin() + static_cast<std::ptrdiff_t>(size);
  std::vector<Caller*> batch(shard.waiting.begin(), end);
  shard.waiting.erase(shard.waiting.begin(), end);
  return batch;
}

jobs::StepRequest StepBatches::request_of(int number, Shard& shard,
                                          const std::vector<Caller*>& batch) const {
  jobs::StepRequest request{
      .shard = number, .worker = worker_, .request = ++shard.request, .completed = {}, .want = 0};
  for (Caller* caller : batch) {
    if (caller->done) request.completed.push_back(std::move(*caller->done));
    if (caller->want) ++request.want;
  }
  return request;
}

std::size_t StepBatches::waiting(int shard) {
  Shard& of = shards_.at(static_cast<std::size_t>(shard));
  const MutexLock lock(of.mutex);
  return of.waiting.size();
}

std::optional<jobs::Lease> StepBatches::step(int number, std::optional<jobs::CompletedJob> done,
                                             bool want) {
  Shard& shard = shards_.at(static_cast<std::size_t>(number));
  Caller self;
  self.done = std::move(done);
  self.want = want;
  shard.mutex.lock();
  shard.waiting.push_back(&self);
  self.leads = !std::exchange(shard.under_way, true);
  while (!self.leads && !self.answered) self.changed.wait(shard.mutex);
  if (self.leads) {
    // The leader is the first that waits, so it is part of its own batch.
    const std::vector<Caller*> batch = next_batch(shard);
    const jobs::StepRequest request = request_of(number, shard, batch);
    shard.mutex.unlock();
    std::optional<jobs::StepResult> result = send_(request);
    shard.mutex.lock();
    auto lease = result ? result->leases.begin() : std::vector<jobs::Lease>::iterator{};
    for (Caller* caller : batch) {
      if (result && caller->want && lease != result->leases.end()) {
        caller->lease = std::move(*lease++);
      }
      caller->answered = true;
      if (caller != &self) caller->changed.notify_one();
    }
    shard.under_way = !shard.waiting.empty();
    if (shard.under_way) {
      shard.waiting.front()->leads = true;
      shard.waiting.front()->changed.notify_one();
    }
  }
  shard.mutex.unlock();
  return std::move(self.lease);
}

}  // namespace deskwire::worker
