#pragma once

#include <vector>

#include "config/config.h"
#include "core/clock.h"
#include "jobs/job_store.h"
#include "worker/job_handler.h"

namespace deskwire::cli {

/// Runs replayed jobs of kind `delivery`: a delivery that was buried as `unparsable` is taken in
/// with today's parser. Lives here because it joins two layers that do not know each other.
///
/// Thread safety: run may be called concurrently.
class DeliveryHandler final : public worker::JobHandler {
 public:
  DeliveryHandler(const config::Config& config, jobs::JobStore& store, const Clock& clock);
  worker::AttemptResult run(const jobs::Lease& lease, worker::Cancellation& cancellation) override;

 private:
  const std::vector<config::Source> sources_;
  const int max_attempts_;
  jobs::JobStore& store_;
  const Clock& clock_;
};

}  // namespace deskwire::cli
