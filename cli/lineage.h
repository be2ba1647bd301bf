#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "cli/table.h"
#include "core/result.h"
#include "jobs/job_store.h"

namespace deskwire::cli {

/// The line that a job belongs to: those that it replays or hands off, itself, and its newest
/// replays, oldest first; jobs that are gone end it. At most 20 in each direction.
/// @errors those of JobStore::get, but for kNotFound.
Result<std::vector<jobs::Job>> lineage_of(jobs::JobStore& store, const jobs::Job& job);

/// A row a job of the line, the one in question marked; empty for a line of one.
Table lineage_table(const std::vector<jobs::Job>& line, const jobs::Job& job, std::int64_t now_ms);
nlohmann::json lineage_json(const std::vector<jobs::Job>& line);

}  // namespace deskwire::cli
