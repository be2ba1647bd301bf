#pragma once

#include <nlohmann/json_fwd.hpp>

#include "jobs/fsck.h"

namespace deskwire::cli {

/// {"lanes","jobs","found","repaired","shards_not_counted","findings":[{"shard","what","repaired"}]}
nlohmann::json to_json(const jobs::FsckReport& report);

}  // namespace deskwire::cli
