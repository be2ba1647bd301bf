#include "jobs/redis_scripts.h"

#include "core/hash.h"
#include "job_scripts.h"
#include "jobs/keys.h"

namespace deskwire::jobs::scripts {
namespace {

using redis::Script;
using namespace job_scripts;

constexpr std::size_t kEpochBytes = 5;

/// For scripts that append events or close jobs.
Script closing_script(const char* name, std::string_view text) {
  return {name, {ChannelLog::lua_prefix(), kLanesLua, kClosingLua}, text};
}

/// For those of them that lease or beat: halts matter to them.
Script leasing_script(const char* name, std::string_view text) {
  return {name, {ChannelLog::lua_prefix(), kLanesLua, kClosingLua, kHaltsLua}, text};
}

/// For those that operators run: they name a key that is in the way.
Script operator_script(const char* name, std::string_view text) {
  return {name, {kForeignLua, ChannelLog::time_prefix(), kLanesLua}, text};
}
Script halting_script(const char* name, std::string_view text) {
  return {name, {kForeignLua, ChannelLog::time_prefix(), kLanesLua, kHaltsLua}, text};
}

}  // namespace

const Script& enqueue() {
  static const Script script(
      "enqueue.lua", {ChannelLog::lua_prefix(), kLanesLua, kClosingLua, kCoalesceLua}, kEnqueueLua);
  return script;
}

const Script& step() {
  static const Script script = leasing_script("step.lua", kStepLua);
  return script;
}

const Script& intend() {
  static const Script script("intend.lua", {ChannelLog::lua_prefix(), kLanesLua}, kIntendLua);
  return script;
}

const Script& fail() {
  static const Script script = closing_script("fail.lua", kFailLua);
  return script;
}

const Script& beat() {
  static const Script script = leasing_script("beat.lua", kBeatLua);
  return script;
}

const Script& release() {
  static const Script script("release.lua", {ChannelLog::time_prefix(), kLanesLua}, kReleaseLua);
  return script;
}

const Script& retry() {
  static const Script script = operator_script("retry.lua", kRetryLua);
  return script;
}

const Script& replay() {
  static const Script script(
      "replay.lua", {kForeignLua, ChannelLog::lua_prefix(), kLanesLua, kClosingLua}, kReplayLua);
  return script;
}

const Script& list() {
  static const Script script = operator_script("list.lua", kListLua);
  return script;
}

const Script& halt() {
  static const Script script = halting_script("halt.lua", kHaltLua);
  return script;
}

const Script& resume() {
  static const Script script = halting_script("resume.lua", kResumeLua);
  return script;
}

const Script& drop() {
  static const Script script(
      "drop.lua", {kForeignLua, ChannelLog::lua_prefix(), kLanesLua, kClosingLua}, kDropLua);
  return script;
}

const Script& lane() {
  static const Script script = operator_script("lane.lua", kLaneLua);
  return script;
}

const Script& scan() {
  static const Script script = operator_script("scan.lua", kScanLua);
  return script;
}

const Script& prospects() {
  static const Script script = operator_script("prospects.lua", kProspectsLua);
  return script;
}

const Script& batch() {
  static const Script script = operator_script("batch.lua", kBatchLua);
  return script;
}

const Script& fsck_keys() {
  static const Script script = operator_script("fsck_keys.lua", kFsckKeysLua);
  return script;
}

const Script& fsck_lanes() {
  static const Script script = operator_script("fsck_lanes.lua", kFsckLanesLua);
  return script;
}

const Script& fsck_jobs() {
  static const Script script = operator_script("fsck_jobs.lua", kFsckJobsLua);
  return script;
}

const Script& fsck_finished() {
  static const Script script = operator_script("fsck_finished.lua", kFsckFinishedLua);
  return script;
}

const Script& fsck_counts() {
  static const Script script = operator_script("fsck_counts.lua", kFsckCountsLua);
  return script;
}

const Script& counts() {
  static const Script script("counts.lua", {kForeignLua}, kCountsLua);
  return script;
}

const Script& clock_take() {
  static const Script script("clock_take.lua", {ChannelLog::time_prefix()}, kClockTakeLua);
  return script;
}

const Script& clock_apply() {
  static const Script script("clock_apply.lua", {ChannelLog::lua_prefix(), kClockEventsLua},
                             kClockApplyLua);
  return script;
}

const Script& clock_mark() {
  static const Script script("clock_mark.lua", {ChannelLog::lua_prefix(), kClockEventsLua},
                             kClockMarkLua);
  return script;
}

const Script& clock_restore() {
  static const Script script("clock_restore.lua", {ChannelLog::time_prefix()}, kClockRestoreLua);
  return script;
}

const Script& clock_list() {
  static const Script script("clock_list.lua", {ChannelLog::time_prefix()}, kClockListLua);
  return script;
}

const Script& clock_adopt() {
  static const Script script("clock_adopt.lua", {ChannelLog::time_prefix()}, kClockAdoptLua);
  return script;
}

std::vector<std::string> keys_of(int shard) { return {keys::prefix(shard)}; }

const std::vector<std::string>& conversation_fields() {
  static const std::vector<std::string> fields{"status",  "assignee_type", "assignee_id", "sender",
                                               "message", "inbox",         "contact",     "source",
                                               "updated", "handoff"};
  return fields;
}

ConversationState read_conversation(const redis::Reply& values) {
  ConversationState state;
  state.status = values.at(0).as_string();
  state.assignee_type = values.at(1).as_string();
  state.assignee_id = values.at(2).as_string();
  state.last_sender = values.at(3).as_string();
  state.last_message_id = values.at(4).as_string();
  state.inbox_kind = values.at(5).as_string();
  state.contact_name = values.at(6).as_string();
  state.source = values.at(7).as_string();
  state.updated_at_ms = values.at(8).as_integer();
  state.handed_off = values.at(9).as_string();
  return state;
}

void append_log_limits(std::vector<std::string>& args, const ChannelLogLimits& limits) {
  args.push_back(base32_encode(random_bytes(kEpochBytes)));
  args.push_back(limits.sizes());
  args.push_back(std::to_string(limits.max_age_s));
}

}  // namespace deskwire::jobs::scripts
