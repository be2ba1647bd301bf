#include "jobs/job.h"

#include <array>
#include <utility>

namespace deskwire::jobs {
namespace {

constexpr std::array<std::pair<JobState, std::string_view>, 7> kStateNames{{
    {JobState::kScheduled, "scheduled"},
    {JobState::kAvailable, "available"},
    {JobState::kRunning, "running"},
    {JobState::kRetryable, "retryable"},
    {JobState::kCompleted, "completed"},
    {JobState::kCancelled, "cancelled"},
    {JobState::kDead, "dead"},
}};

}  // namespace

bool is_finished(JobState state) {
  return state == JobState::kCompleted || state == JobState::kCancelled || state == JobState::kDead;
}

std::string_view name_of(JobState state) {
  for (const auto& [value, name] : kStateNames) {
    if (value == state) return name;
  }
  return "unknown";
}

std::optional<JobState> job_state_of(std::string_view name) {
  for (const auto& [value, known] : kStateNames) {
    if (known == name) return value;
  }
  return std::nullopt;
}

}  // namespace deskwire::jobs
