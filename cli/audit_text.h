#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "cli/table.h"
#include "jobs/operator_store.h"

namespace deskwire::cli {

/// Audit entries as `--json` and the admin door show them.
nlohmann::json to_json(const std::vector<jobs::AuditEntry>& entries);

/// A row an entry: when, who, what, of what, why.
Table audit_table(const std::vector<jobs::AuditEntry>& entries);

}  // namespace deskwire::cli
