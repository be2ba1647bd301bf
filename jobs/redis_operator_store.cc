#include "jobs/redis_operator_store.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <utility>

#include "core/channel.h"
#include "core/ids.h"
#include "jobs/keys.h"
#include "jobs/redis_job_record.h"
#include "jobs/redis_scripts.h"
#include "jobs/store_rules.h"

namespace deskwire::jobs {
namespace {

using redis::Reply;

/// Where `last_finished` gives up: pages of each kind of finished job, and jobs in one.
constexpr int kLastPages = 20;
constexpr int kLastPerPage = 500;

std::string field_of(const HaltTarget& target) {
  switch (target.scope) {
    case HaltScope::kKind:
      return "k:" + target.name;
    case HaltScope::kConversation:
      return "l:" + target.name;
    case HaltScope::kParked:
      return "p:" + target.name;
    case HaltScope::kAll:
      break;
  }
  return "*";
}

std::optional<HaltTarget> target_of(std::string_view field) {
  if (field == "*") return HaltTarget{};
  const std::string name(field.substr(std::min<std::size_t>(2, field.size())));
  if (field.starts_with("k:")) return HaltTarget{HaltScope::kKind, name};
  if (field.starts_with("l:")) return HaltTarget{HaltScope::kConversation, name};
  if (field.starts_with("p:")) return HaltTarget{HaltScope::kParked, name};
  return std::nullopt;
}

/// A halt from its value "<since>\n<actor>\n<reason>".
Halt read_halt(HaltTarget target, std::string_view value) {
  Halt halt;
  halt.target = std::move(target);
  std::from_chars(value.data(), value.data() + value.size(), halt.since_ms);
  const auto rest = [&value] {
    const std::size_t end = value.find('\n');
    value = end == std::string_view::npos ? std::string_view() : value.substr(end + 1);
    return value;
  };
  const std::string_view actor = rest();
  halt.by.actor = actor.substr(0, actor.find('\n'));
  halt.by.reason = rest();
  return halt;
}

std::optional<Halt> read_halt_if_any(HaltTarget target, const Reply& value) {
  if (value.is_nil()) return std::nullopt;
  return read_halt(std::move(target), value.as_string());
}

LaneView::Place place_of(std::string_view name) {
  if (name == "ready") return LaneView::Place::kReady;
  if (name == "lease") return LaneView::Place::kLease;
  if (name == "timers") return LaneView::Place::kTimers;
  if (name == "parked") return LaneView::Place::kParked;
  return LaneView::Place::kNone;
}

AuditEntry read_entry(const Reply& entry) {
  AuditEntry read;
  const std::string id = entry.at(0).as_string();
  std::from_chars(id.data(), id.data() + id.size(), read.at_ms);
  const Reply& fields = entry.at(1);
  read.about = "all";
  for (std::size_t i = 0; i + 1 < fields.items.size(); i += 2) {
    const std::string name = fields.at(i).as_string();
    const std::string value = fields.at(i + 1).as_string();
    if (name == "verb") read.verb = value;
    if (name == "new") read.made = value;
    if (name == "batch") read.batch = value;
    if (name == "again") read.again = value == "1";
    if (name == "actor") read.by.actor = value;
    if (name == "reason") read.by.reason = value;
    static constexpr std::array<std::string_view, 7> kAbout = {
        "job", "conversation", "kind", "shard", "delivery", "client", "alert"};
    if (std::find(kAbout.begin(), kAbout.end(), name) != kAbout.end()) {
      read.about = name;
      read.name = value;
    }
  }
  return read;
}

/// "<started>\n<ended>\n<number>\n<worker>\n<code>\n<message>".
PastAttempt read_attempt(std::string_view text) {
  const auto next = [&text] {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return part;
  };
  const auto number = [&next](auto& into) {
    const std::string_view part = next();
    std::from_chars(part.data(), part.data() + part.size(), into);
  };
  PastAttempt attempt;
  number(attempt.started_ms);
  number(attempt.ended_ms);
  number(attempt.number);
  attempt.worker = next();
  attempt.error_code = next();
  attempt.error_message = text;
  return attempt;
}

std::string text_of(const HaltTarget& target) {
  const std::string about(about_of(target.scope));
  return target.name.empty() ? about : about + "=" + target.name;
}

/// Calls `one` for each shard that a halt concerns. The first one leaves the audit entry. Where
/// keys of one shard are in the way, the others are dealt with all the same.
template <typename One>
Result<bool> on_shards_of(const std::string& what, const HaltTarget& target, One one) {
  const bool global = target.scope == HaltScope::kAll || target.scope == HaltScope::kKind;
  bool changed = false;
  std::string failed;
  std::optional<Error> first;
  for (int shard = 0; shard < kShardCount; ++shard) {
    if (!global && shard != shard_of_lane(target.name)) continue;
    Result<bool> done = one(shard, !changed);
    if (done) {
      changed = changed || *done;
      continue;
    }
    const ErrorCode code = done.error().code;
    if (!global || (code != ErrorCode::kCorrupt && code != ErrorCode::kInvalid)) {
      return fail(std::move(done).error().prefixed(what));
    }
    failed += (failed.empty() ? "" : ", ") + std::to_string(shard);
    if (!first) first = std::move(done).error();
  }
  if (!first) return changed;
  return fail(
      std::move(*first).prefixed(what + ": not in shard " + failed + ", but in all others"));
}

}  // namespace

Result<bool> RedisOperatorStore::halt_shard(int shard, const HaltTarget& target, const Operator& by,
                                            bool audited) {
  const bool park = target.scope == HaltScope::kParked;
  const Result<Reply> reply =
      client_.run(scripts::halt(), scripts::keys_of(shard),
                  {field_of(target), kept_actor(by.actor), kept_error_message(by.reason),
                   std::to_string(limits_.max_halts), std::to_string(audited ? kAuditEntries : 0),
                   park ? "park" : "pause", std::string(about_of(target.scope)), target.name});
  if (!reply) return fail(reply.error());
  if (reply->text == "full") {
    return fail(ErrorCode::kFull, std::to_string(limits_.max_halts) +
                                      " are halted in its shard already (jobs.max_halts)");
  }
  if (reply->text != "halted" && reply->text != "again") return stored_otherwise("answer");
  return reply->text == "halted";
}

Result<bool> RedisOperatorStore::resume_shard(int shard, const HaltTarget& target,
                                              const Operator& by, bool audited) {
  const bool park = target.scope == HaltScope::kParked;
  std::vector<std::string> args{field_of(target),
                                kept_actor(by.actor),
                                kept_error_message(by.reason),
                                std::to_string(audited ? kAuditEntries : 0),
                                park ? "unpark" : "resume",
                                std::string(about_of(target.scope)),
                                target.name};
  bool ended = false;
  for (;;) {
    const Result<Reply> reply = client_.run(scripts::resume(), scripts::keys_of(shard), args);
    if (!reply) return fail(reply.error());
    ended = ended || reply->at(0).text == "resumed";
    if (reply->at(1).as_integer() == 0) return ended;
    args.front().clear();
  }
}

Result<bool> RedisOperatorStore::halt(const HaltTarget& target, const Operator& by) {
  if (Status checked = check_halt(target); !checked) return fail(std::move(checked).error());
  return on_shards_of("halt " + text_of(target), target, [&](int shard, bool audited) {
    return halt_shard(shard, target, by, audited);
  });
}

Result<bool> RedisOperatorStore::resume(const HaltTarget& target, const Operator& by) {
  if (Status checked = check_halt(target); !checked) return fail(std::move(checked).error());
  return on_shards_of("resume " + text_of(target), target, [&](int shard, bool audited) {
    return resume_shard(shard, target, by, audited);
  });
}

Result<std::vector<Halt>> RedisOperatorStore::halts() {
  const Result<std::vector<Reply>> shards = call_everywhere(client_, {"HGETALL", "halts"});
  if (!shards) return fail(Error(shards.error()).prefixed("list halts"));
  std::vector<Halt> halts;
  for (const Reply& fields : *shards) {
    for (std::size_t i = 0; i + 1 < fields.items.size(); i += 2) {
      std::optional<HaltTarget> target = target_of(fields.at(i).as_string());
      if (target) halts.push_back(read_halt(std::move(*target), fields.at(i + 1).as_string()));
    }
  }
  unite_halts(halts);
  return halts;
}

Status RedisOperatorStore::drop(const JobId& id, const Operator& by) {
  const Result<int> shard = shard_of_job(id);
  if (!shard) return no_such_job(id);
  const std::string what = "drop job=" + id.str();
  std::vector<std::string> args{id.str(), kept_actor(by.actor), kept_error_message(by.reason),
                                std::to_string(kAuditEntries)};
  scripts::append_log_limits(args, limits_.log);
  const Result<Reply> reply =
      client_.run(scripts::drop(), scripts::keys_of(*shard), std::move(args));
  if (!reply) return fail(Error(reply.error()).prefixed(what));
  if (reply->text == "dropped") return {};
  if (reply->text == "missing") return no_such_job(id);
  const std::optional<JobState> state = state_of(reply->text);
  if (!state) return stored_otherwise(what);
  return cannot_drop(id, *state);
}

Result<LaneView> RedisOperatorStore::look(const std::string& lane, const JobId& job) {
  const std::string what = "look at lane " + lane;
  const Result<Reply> reply =
      client_.run(scripts::lane(), scripts::keys_of(shard_of_lane(lane)), {lane, job.str()});
  if (!reply) return fail(Error(reply.error()).prefixed(what));
  if (reply->items.size() != 9) return stored_otherwise(what);
  LaneView view;
  view.now_ms = reply->at(0).as_integer();
  view.length = static_cast<std::size_t>(reply->at(1).as_integer());
  if (const std::int64_t ahead = reply->at(2).as_integer(); ahead >= 0) {
    view.ahead = static_cast<std::size_t>(ahead);
  }
  view.place = place_of(reply->at(3).as_string());
  view.place_ms = reply->at(4).as_integer();
  view.lanes_ready = static_cast<std::size_t>(reply->at(5).as_integer());
  const JobId head(reply->at(6).as_string());
  if (!head.empty()) view.head = read_job(head, reply->at(7));
  const Reply& halts = reply->at(8);
  const std::string kind = view.head ? view.head->kind : std::string();
  view.everything = read_halt_if_any({}, halts.at(0));
  view.kind = read_halt_if_any({HaltScope::kKind, kind}, halts.at(1));
  view.conversation = read_halt_if_any({HaltScope::kConversation, lane}, halts.at(2));
  view.parked = read_halt_if_any({HaltScope::kParked, lane}, halts.at(3));
  return view;
}

Result<std::optional<Job>> RedisOperatorStore::last_finished(const std::string& lane) {
  std::optional<Job> last;
  const auto keys = scripts::keys_of(shard_of_lane(lane));
  for (const char* set : {"done", "dead", "cancelled"}) {
    std::string time = "+inf";
    std::string id;
    for (int page = 0; page < kLastPages && !time.empty(); ++page) {
      const Result<Reply> reply = client_.run(
          scripts::scan(), keys,
          {set, time, id, std::to_string(kLastPerPage), "1", "", lane, "", "0", kEndOfTime});
      if (!reply) return fail(Error(reply.error()).prefixed("last job of " + lane));
      time = reply->at(0).as_string();
      id = reply->at(1).as_string();
      const Reply& found = reply->at(2).at(0);
      if (found.is_nil()) continue;
      auto job = read_job(JobId(found.at(0).as_string()), found.at(1));
      if (job && (!last || job->finished_at_ms > last->finished_at_ms)) last = std::move(job);
      break;
    }
  }
  return last;
}

Result<std::vector<PastAttempt>> RedisOperatorStore::history(const JobId& id) {
  std::vector<PastAttempt> attempts;
  const Result<int> shard = shard_of_job(id);
  if (!shard) return attempts;
  const std::string key = keys::history(*shard, id);
  const Result<Reply> reply = client_.call({"LRANGE", key, "0", "-1"});
  if (!reply) return fail(about_key(key, reply.error()).prefixed("history of job=" + id.str()));
  for (const Reply& entry : reply->items) attempts.push_back(read_attempt(entry.text));
  return attempts;
}

Result<std::vector<AuditEntry>> RedisOperatorStore::audit(const AuditFilter& filter) {
  const Result<std::vector<Reply>> shards = call_everywhere(
      client_, {"XREVRANGE", "audit", "+", std::to_string(filter.since_ms), "COUNT",
                std::to_string(std::min<std::size_t>(filter.limit, kAuditEntries))});
  if (!shards) return fail(Error(shards.error()).prefixed("list audit"));
  std::vector<AuditEntry> entries;
  for (const Reply& shard : *shards) {
    for (const Reply& entry : shard.items) entries.push_back(read_entry(entry));
  }
  sort_audit(entries, filter.limit);
  return entries;
}

}  // namespace deskwire::jobs
