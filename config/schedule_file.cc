#include "config/schedule_file.h"

#include <nlohmann/json.hpp>

#include "config/json_reader.h"
#include "config/problems.h"
#include "config/read_file.h"
#include "config/schedule_rules.h"
#include "config/schedule_settings.h"
#include "core/json.h"

namespace deskwire::config {
namespace {

constexpr std::size_t kMaxFileBytes = 1U << 20U;
constexpr std::size_t kMaxDepth = 16;

/// A change in the form that says when and what side by side.
struct DatedSchedule {
  std::optional<std::int64_t> at_ms;
  Schedule schedule;
};

void visit(JsonReader& reader, DatedSchedule& change) {
  reader.moment("at_utc", change.at_ms);
  reader.section("schedule", change.schedule);
}

void read_changes(JsonReader& reader, Calendar& calendar) {
  std::vector<DatedSchedule> changes;
  reader.list("schedule_changes", changes);
  for (DatedSchedule& change : changes) {
    calendar.changes.push_back(
        {static_cast<int>(calendar.changes.size()) + 2, change.at_ms, std::move(change.schedule)});
  }
}

}  // namespace

Result<Calendar> parse_schedule(std::string_view text) {
  JsonLimits limits;
  limits.max_bytes = kMaxFileBytes;
  limits.max_depth = kMaxDepth;
  limits.allow_comments = true;
  limits.unique_keys = true;
  const auto root = parse_json(text, limits);
  if (!root) return fail(Error(root.error()).prefixed("schedule"));
  Calendar calendar;
  Problems problems;
  const bool wrapped = root->is_object() && root->contains("schedule");
  read_root(*root, ".", problems, [&](JsonReader& reader) {
    if (wrapped) {
      reader.section("schedule", calendar.first.schedule);
      reader.ignore({"id", "category", "source", "op", "start_utc", "end_utc", "target_s", "pauses",
                     "note", "expected", "naive_membership_gives"});
    } else {
      visit(reader, calendar);
    }
    read_changes(reader, calendar);
  });
  Problems broken_rules;
  check_calendar(calendar, wrapped ? "schedule" : "", broken_rules);
  problems.add_unrelated(broken_rules);
  if (!problems.empty()) return fail(ErrorCode::kInvalid, problems.text("schedule"));
  return calendar;
}

Result<Calendar> load_schedule(const std::string& path) {
  const auto text = read_file(path, kMaxFileBytes);
  if (!text) return fail(Error(text.error()).prefixed("schedule"));
  return parse_schedule(*text);
}

}  // namespace deskwire::config
