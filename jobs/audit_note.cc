#include "jobs/audit_note.h"

#include "core/channel.h"
#include "jobs/keys.h"
#include "jobs/store_rules.h"

namespace deskwire::jobs {
namespace {

constexpr const char* kAuditEntries = "10000";

}  // namespace

Status write_audit_note(redis::Client& client, const std::string& lane, const AuditNote& note) {
  const std::string key = keys::prefix(shard_of_lane(lane)) + "audit";
  const auto written =
      client.call({"XADD", key, "MAXLEN", "~", kAuditEntries, "*", "verb", note.verb, note.about,
                   note.name, "new", note.made, "actor", kept_error_message(note.actor), "reason",
                   kept_error_message(note.reason)});
  if (written) return {};
  return fail(Error(written.error()).prefixed("audit " + note.verb + " " + note.name));
}

}  // namespace deskwire::jobs
