#include "cli/fsck_text.h"

#include <nlohmann/json.hpp>

namespace deskwire::cli {

nlohmann::json to_json(const jobs::FsckReport& report) {
  nlohmann::json findings = nlohmann::json::array();
  for (const jobs::FsckFinding& one : report.list) {
    findings.push_back({{"shard", one.shard}, {"what", one.what}, {"repaired", one.repaired}});
  }
  return {{"lanes", report.lanes},
          {"jobs", report.jobs},
          {"found", report.findings},
          {"repaired", report.repaired},
          {"shards_not_counted", report.shards_not_counted},
          {"findings", std::move(findings)}};
}

}  // namespace deskwire::cli
