#include "cli/lineage.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/job_text.h"
#include "cli/time_text.h"

namespace deskwire::cli {
namespace {

constexpr int kMostEachWay = 20;

Result<std::optional<jobs::Job>> get_if_any(jobs::JobStore& store, const JobId& id) {
  if (id.empty()) return std::optional<jobs::Job>();
  auto job = store.get(id);
  if (job) return std::optional<jobs::Job>(std::move(*job));
  if (job.error().code == ErrorCode::kNotFound) return std::optional<jobs::Job>();
  return fail(std::move(job.error()));
}

}  // namespace

Result<std::vector<jobs::Job>> lineage_of(jobs::JobStore& store, const jobs::Job& job) {
  std::vector<jobs::Job> line{job};
  for (int i = 0; i < kMostEachWay; ++i) {
    auto parent = get_if_any(store, line.back().parent);
    if (!parent) return fail(std::move(parent.error()));
    if (!*parent) break;
    line.push_back(std::move(**parent));
  }
  std::reverse(line.begin(), line.end());
  for (int i = 0; i < kMostEachWay; ++i) {
    auto replay = get_if_any(store, line.back().replay);
    if (!replay) return fail(std::move(replay.error()));
    if (!*replay) break;
    line.push_back(std::move(**replay));
  }
  for (jobs::Job& one : line) one.payload.clear();
  return line;
}

Table lineage_table(const std::vector<jobs::Job>& line, const jobs::Job& job, std::int64_t now_ms) {
  Table table({"", "LINE", "STATE", "KIND", "AGE", "WHAT HAPPENED"});
  if (line.size() < 2) return table;
  for (const jobs::Job& one : line) {
    table.add({one.id == job.id ? "*" : "", one.id.str(), std::string(name_of(one.state)), one.kind,
               age(one.created_at_ms, now_ms), what_happened(one)});
  }
  return table;
}

nlohmann::json lineage_json(const std::vector<jobs::Job>& line) {
  nlohmann::json items = nlohmann::json::array();
  for (const jobs::Job& one : line) {
    items.push_back({{"id", one.id.str()},
                     {"state", std::string(name_of(one.state))},
                     {"kind", one.kind},
                     {"created_at_ms", one.created_at_ms},
                     {"outcome", one.outcome},
                     {"error", one.error_code}});
  }
  return items;
}

}  // namespace deskwire::cli
