#include "cli/audit_text.h"

#include <nlohmann/json.hpp>

#include "cli/time_text.h"

namespace deskwire::cli {

nlohmann::json to_json(const std::vector<jobs::AuditEntry>& entries) {
  nlohmann::json items = nlohmann::json::array();
  for (const jobs::AuditEntry& entry : entries) {
    nlohmann::json item = {{"at_ms", entry.at_ms},
                           {"verb", entry.verb},
                           {"of", entry.about},
                           {"actor", entry.by.actor},
                           {"reason", entry.by.reason}};
    if (!entry.name.empty()) item["name"] = entry.name;
    if (!entry.made.empty()) item["job"] = entry.made;
    if (!entry.batch.empty()) item["batch"] = entry.batch;
    if (entry.again) item["again"] = true;
    items.push_back(std::move(item));
  }
  return items;
}

Table audit_table(const std::vector<jobs::AuditEntry>& entries) {
  Table table({"WHEN", "WHO", "WHAT", "OF", "WHY"});
  for (const jobs::AuditEntry& entry : entries) {
    std::string what = entry.verb;
    if (entry.again) what += " --again";
    std::string of = entry.name.empty() ? entry.about : entry.about + " " + entry.name;
    if (!entry.made.empty()) of += " as " + entry.made;
    std::string why = entry.by.reason;
    if (!entry.batch.empty()) why += (why.empty() ? "(batch " : " (batch ") + entry.batch + ")";
    table.add({iso_time(entry.at_ms), entry.by.actor, what, of, why});
  }
  return table;
}

}  // namespace deskwire::cli
