#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/reason_look_up.h"
#include "cli/table.h"
#include "jobs/job.h"
#include "jobs/job_store.h"
#include "jobs/operator_store.h"

namespace deskwire::cli {

/// A job as the admin door and `--json` show it. Times are Unix ms, null where there is none.
///
/// @param with_payload  Adds `payload`: a customer's words, so only where asked for.
nlohmann::json to_json(const jobs::Job& job, bool with_payload);

/// Jobs by state; a column for each kind of which there are any.
Table stats_table(const jobs::JobCounts& counts, const jobs::KindCounts& kinds);

/// A row a job: id, state, kind, conversation, attempts, age, what happened.
Table job_table(const std::vector<jobs::Job>& jobs, std::int64_t now_ms);

/// "replied", "timeout: helpdesk …", "on w-7"; empty where nothing has happened yet.
std::string what_happened(const jobs::Job& job);

/// "01J…  reply  42  running  2/8  on w-7": one change, on a line.
std::string job_line(const jobs::Job& job, std::int64_t now_ms);

/// How a job's attempts failed.
Table history_table(const std::vector<jobs::PastAttempt>& history, std::int64_t now_ms);
nlohmann::json to_json(const std::vector<jobs::PastAttempt>& history);

/// {"job","conversation","state","why"}.
nlohmann::json to_json(const LookedUpReason& found);

/// One job as lines of `name  value`.
Table job_details(const jobs::Job& job, std::int64_t now_ms);

}  // namespace deskwire::cli
