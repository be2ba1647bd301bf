#include "cli/fsck_text.h"

#include <nlohmann/json.hpp>

#include "cli/table.h"

namespace deskwire::cli {
namespace {

std::string count_of(std::size_t number, const std::string& thing) {
  return std::to_string(number) + ' ' + thing + (number == 1 ? "" : "s");
}

}  // namespace

std::string fsck_text(const jobs::FsckReport& report, bool repair) {
  std::string text;
  for (const jobs::FsckFinding& one : report.list) {
    text += (one.repaired ? "repaired: " : "wrong: ") + printable(one.what) + '\n';
  }
  if (report.findings > report.list.size()) {
    text += "and " + std::to_string(report.findings - report.list.size()) + " more\n";
  }
  text += count_of(report.jobs, "job") + " and " + count_of(report.lanes, "lane") + " looked at: ";
  if (report.findings == 0) {
    text += "all is as it should be.\n";
  } else {
    text += count_of(report.findings, "thing") + (report.findings == 1 ? " is" : " are") +
            " wrong, " + std::to_string(report.repaired) + " repaired.\n";
  }
  if (report.repairable > 0 && !repair) text += "Repair: deskwire jobs fsck --repair\n";
  if (report.shards_not_counted > 0) {
    text += "The counters of " + count_of(report.shards_not_counted, "shard") +
            " could not be compared, because jobs moved meanwhile; run it again when it is "
            "quiet.\n";
  }
  return text;
}

nlohmann::json to_json(const jobs::FsckReport& report) {
  nlohmann::json findings = nlohmann::json::array();
  for (const jobs::FsckFinding& one : report.list) {
    findings.push_back({{"shard", one.shard},
                        {"what", one.what},
                        {"repairable", one.repairable},
                        {"repaired", one.repaired}});
  }
  return {{"lanes", report.lanes},          {"jobs", report.jobs},
          {"found", report.findings},       {"repairable", report.repairable},
          {"repaired", report.repaired},    {"shards_not_counted", report.shards_not_counted},
          {"findings", std::move(findings)}};
}

}  // namespace deskwire::cli
