#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "jobs/fsck.h"

namespace deskwire::cli {

/// What was found, line by line, and what to do about it.
///
/// @param repair  Whether the report is one of a repair.
std::string fsck_text(const jobs::FsckReport& report, bool repair);

/// {"lanes","jobs","found","repairable","repaired","shards_not_counted",
///  "findings":[{"shard","what","repairable","repaired"}]}
nlohmann::json to_json(const jobs::FsckReport& report);

}  // namespace deskwire::cli
