#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "cli/table.h"
#include "jobs/job.h"

namespace deskwire::cli {

/// A job as the admin door and `--json` show it. Times are Unix ms, null where there is none.
///
/// @param with_payload  Adds `payload`: a customer's words, so only where asked for.
nlohmann::json to_json(const jobs::Job& job, bool with_payload);

/// A row a job: id, state, kind, conversation, attempts, age, what happened.
Table job_table(const std::vector<jobs::Job>& jobs, std::int64_t now_ms);

/// One job as lines of `name  value`.
Table job_details(const jobs::Job& job, std::int64_t now_ms);

}  // namespace deskwire::cli
