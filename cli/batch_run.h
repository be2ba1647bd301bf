#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "cli/replay_forecast.h"
#include "core/result.h"
#include "jobs/replay_batches.h"

namespace deskwire::cli {

/// What a bulk replay takes of a forecast.
struct ReplayChoice {
  std::vector<jobs::Job> chosen;
  std::vector<Forecast> left_out;
};
ReplayChoice choose_for_replay(const std::vector<Forecast>& forecasts);

/// Replays what is left of a batch, in its order, until it is done, cancelled, or not to go on.
/// Interrupted anywhere it can be run again: no job is replayed twice.
///
/// @param rate   Jobs a second; 0: no limit.
/// @param on_job Told of each job and what it became, and how many are dealt with. False: stop.
/// @errors Those of ReplayBatches::next and advance; of a replay only kUnavailable and kTimeout,
///         which going on would repeat for every job.
Status run_batch(
    jobs::ReplayBatches& batches, jobs::ReplayBatch& batch, std::size_t rate,
    const std::function<bool(const JobId&, const Result<JobId>&, std::size_t)>& on_job);

}  // namespace deskwire::cli
