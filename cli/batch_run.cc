#include "cli/batch_run.h"

#include <algorithm>

#include "cli/progress.h"

namespace deskwire::cli {
namespace {

/// Jobs between two looks at whether somebody cancelled.
constexpr std::size_t kPieceMax = 50;

bool unreachable(const Result<JobId>& made) {
  return !made &&
         (made.error().code == ErrorCode::kUnavailable || made.error().code == ErrorCode::kTimeout);
}

}  // namespace

ReplayChoice choose_for_replay(const std::vector<Forecast>& forecasts) {
  ReplayChoice choice;
  for (const Forecast& one : forecasts) {
    if (one.left_out) {
      choice.left_out.push_back(one);
    } else {
      choice.chosen.push_back(one.job);
    }
  }
  return choice;
}

Status run_batch(
    jobs::ReplayBatches& batches, jobs::ReplayBatch& batch, std::size_t rate,
    const std::function<bool(const JobId&, const Result<JobId>&, std::size_t)>& on_job) {
  Pace pace(rate);
  const std::size_t piece = rate == 0 ? kPieceMax : std::clamp<std::size_t>(rate / 2, 1, kPieceMax);
  bool go_on = true;
  while (go_on && batch.left > 0 && batch.state == jobs::ReplayBatch::State::kRunning) {
    const auto ids = batches.next(batch, piece);
    if (!ids) return fail(ids.error());
    std::vector<JobId> dealt_with;
    std::size_t replayed = 0;
    for (const JobId& id : *ids) {
      pace.wait();
      const auto made = batches.replay(batch, id);
      if (unreachable(made)) return fail(made.error());
      dealt_with.push_back(id);
      replayed += made ? 1 : 0;
      go_on = on_job(id, made, batch.total - std::min(batch.total, batch.left) + dealt_with.size());
      if (!go_on) break;
    }
    if (dealt_with.empty()) break;
    Status noted = batches.advance(batch, dealt_with, replayed, dealt_with.size() - replayed);
    if (!noted) return noted;
  }
  return {};
}

}  // namespace deskwire::cli
