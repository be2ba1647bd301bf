#include "jobs/alert_desk.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>

#include "core/channel.h"
#include "core/ids.h"
#include "core/json.h"
#include "core/log.h"
#include "core/timestamp.h"
#include "jobs/audit_note.h"

namespace deskwire::jobs {
namespace {

using nlohmann::json;

constexpr std::size_t kMostWaiting = 64;
/// A clock changes a few times a minute at most; so many lost races mean something else.
constexpr int kTries = 10;

const json& clocks_of(const json& stored) {
  static const json none = json::array();
  if (!stored.is_object()) return none;
  const auto found = stored.find("clocks");
  return found != stored.end() && found->is_array() ? *found : none;
}

/// Whether the clock of this mark still runs.
bool is_open(const json& stored, const std::string& mark) {
  const json& clocks = clocks_of(stored);
  return std::any_of(clocks.begin(), clocks.end(), [&](const json& clock) {
    return string_at(clock, "mark") == mark && integer_at(clock, "ended_ms").value_or(1) == 0;
  });
}

json mark_of(const AlertChange& change, std::int64_t now_ms) {
  if (change.verb == AlertVerb::kUnacknowledge) {
    return {{"state", "none"}, {"by", change.by}, {"at", iso8601(now_ms)}};
  }
  json mark = {{"state", change.verb == AlertVerb::kSnooze ? "snoozed" : "acked"},
               {"by", change.by},
               {"at", iso8601(now_ms)},
               {"at_ms", now_ms},
               {"event_id", change.event_id}};
  if (change.verb == AlertVerb::kSnooze) {
    mark["until"] = iso8601(change.until_ms);
    mark["until_ms"] = change.until_ms;
  }
  return mark;
}

std::string_view event_name(AlertVerb verb) {
  switch (verb) {
    case AlertVerb::kAcknowledge:
      return "sla:acknowledged";
    case AlertVerb::kUnacknowledge:
      return "sla:unacknowledged";
    case AlertVerb::kSnooze:
      return "sla:snoozed";
  }
  return "sla:acknowledged";
}

/// Whether the alert is already as the change would have it.
bool is_same(const AlertChange& change, const std::string& known) {
  const auto mark = parse_json(known);
  const std::string state = mark ? string_at(*mark, "state") : "";
  switch (change.verb) {
    case AlertVerb::kAcknowledge:
      return state == "acked";
    case AlertVerb::kUnacknowledge:
      return state.empty();
    case AlertVerb::kSnooze:
      return state == "snoozed" && integer_at(*mark, "until_ms") == change.until_ms;
  }
  return false;
}

/// Clocks that nobody has to wait for come last; before them those that are due first.
auto urgency(const json& clock) {
  const bool ended = integer_at(clock, "ended_ms").value_or(0) != 0;
  const std::int64_t due = integer_at(clock, "due_ms").value_or(0);
  return std::tuple(ended, due == 0, due);
}

}  // namespace

std::string_view name_of(AlertVerb verb) {
  switch (verb) {
    case AlertVerb::kAcknowledge:
      return "ack";
    case AlertVerb::kUnacknowledge:
      return "unack";
    case AlertVerb::kSnooze:
      return "snooze";
  }
  return "ack";
}

ClockEvent make_mark_event(std::string_view name, const std::string& event_id, const json& told,
                           const json& mark, std::int64_t now_ms) {
  json data = object_at(told, "data");
  data["type"] = name;
  data["event_id"] = event_id;
  data["ack"] = mark;
  data["emitted_at"] = iso8601(now_ms);
  data["timestamp"] = now_ms;
  const std::string channel = string_at(data, "channel");
  ClockEvent event;
  event.id = event_id;
  event.event.id = derived_id(name, event_id, std::to_string(now_ms) + dump_json(mark));
  event.event.name = name;
  event.event.timestamp = now_ms;
  event.event.data = dump_json(data);
  event.channels = {channel + ":internal"};
  if (bool_at(told, "mirror")) event.channels.push_back(channel);
  event.globals = {"agents", "oncall"};
  return event;
}

AlertDesk::~AlertDesk() { stop(); }

void AlertDesk::start() {
  if (thread_.joinable()) return;
  {
    const MutexLock lock(mutex_);
    running_ = true;
  }
  thread_ = std::thread([this] { run(); });
}

void AlertDesk::stop() {
  std::deque<Task> dropped;
  {
    const MutexLock lock(mutex_);
    running_ = false;
    dropped.swap(tasks_);
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  for (const Task& task : dropped) task.done(fail(ErrorCode::kCancelled, "alerts: stopping"));
}

void AlertDesk::run() {
  log::name_thread("alert-desk");
  while (true) {
    Task task;
    {
      const MutexLock lock(mutex_);
      while (running_ && tasks_.empty()) changed_.wait(mutex_);
      if (!running_) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task.done(task.work());
  }
}

void AlertDesk::post(std::function<Result<std::string>()> work, Answer done) {
  {
    const MutexLock lock(mutex_);
    if (running_ && tasks_.size() < kMostWaiting) {
      tasks_.push_back({std::move(work), std::move(done)});
      changed_.notify_all();
      return;
    }
  }
  done(fail(ErrorCode::kRateLimited, "alerts: too many requests wait; try again"));
}

void AlertDesk::change_async(AlertChange wanted, Answer done) {
  post([this, wanted = std::move(wanted)] { return change(wanted); }, std::move(done));
}

void AlertDesk::list_async(std::string conversation, Answer done) {
  post([this, conversation = std::move(conversation)] { return list(conversation); },
       std::move(done));
}

Result<std::string> AlertDesk::change(const AlertChange& wanted) {
  const auto alert = store_.alert(wanted.event_id);
  if (!alert) return fail(alert.error());
  const auto now_ms = store_.server_now();
  if (!now_ms) return fail(now_ms.error());
  AlertChange resolved = wanted;
  if (resolved.until_ms == 0) resolved.until_ms = *now_ms + wanted.lasts.count();
  bool noted = false;
  for (int tries = 1;; ++tries) {
    auto done = change_once(resolved, *alert, *now_ms, noted);
    const bool raced = !done && done.error().code == ErrorCode::kUnavailable && tries < kTries;
    if (!raced) return done;
  }
}

Result<std::string> AlertDesk::change_once(const AlertChange& wanted, const StoredAlert& alert,
                                           std::int64_t now_ms, bool& noted) {
  const auto told = parse_json(alert.alert);
  if (!told) return fail(ErrorCode::kCorrupt, "alert " + wanted.event_id + ": unreadable");
  const std::string field = string_at(*told, "mark");
  const std::string alert_key = string_at(object_at(*told, "data"), "alert_key");
  const auto stored = store_.read(alert.lane);
  if (!stored) return fail(stored.error());
  if (!is_open(parse_json(stored->clocks).value_or(nullptr), field)) {
    return fail(ErrorCode::kConflict, "alert " + wanted.event_id +
                                          ": its clock has ended, there is nothing to " +
                                          std::string(name_of(wanted.verb)));
  }
  const auto known = stored->marks.find(field);
  const std::string before = known == stored->marks.end() ? std::string() : known->second;
  const bool same = is_same(wanted, before);
  const json mark =
      same ? parse_json(before).value_or(json{{"state", "none"}}) : mark_of(wanted, now_ms);
  if (!same) {
    if (!noted) {
      const Status written = write_audit_note(client_, alert.lane,
                                              {.verb = std::string(name_of(wanted.verb)),
                                               .about = "alert",
                                               .name = alert_key,
                                               .made = {},
                                               .actor = wanted.by,
                                               .reason = wanted.reason});
      if (!written) return fail(written.error());
      noted = true;
    }
    const bool removes = wanted.verb == AlertVerb::kUnacknowledge;
    const ClockEvent event =
        make_mark_event(event_name(wanted.verb), wanted.event_id, *told, mark, now_ms);
    const Status written = store_.mark(alert.lane, stored->generation, field,
                                       removes ? std::string() : dump_json(mark), event);
    if (!written && written.error().code == ErrorCode::kConflict) {
      return fail(ErrorCode::kUnavailable, written.error().message);
    }
    if (!written) return fail(written.error());
  }
  return dump_json(
      {{"event_id", wanted.event_id}, {"alert_key", alert_key}, {"changed", !same}, {"ack", mark}});
}

Result<std::string> AlertDesk::list(const std::string& conversation) {
  std::vector<StoredClocks> found;
  if (conversation.empty()) {
    auto listed = store_.list(kMostListed);
    if (!listed) return fail(listed.error());
    found = std::move(*listed);
  } else {
    auto one = store_.read(conversation);
    if (!one) return fail(one.error());
    found.push_back(std::move(*one));
  }
  std::vector<json> clocks;
  for (const StoredClocks& stored : found) {
    const json known = parse_json(stored.clocks).value_or(nullptr);
    for (const json& clock : clocks_of(known)) {
      json shown = clock;
      // Marks may be newer than the last look.
      const auto mark = stored.marks.find(string_at(clock, "mark"));
      const bool marked = mark != stored.marks.end();
      shown["ack"] = marked ? parse_json(mark->second).value_or(nullptr) : json{{"state", "none"}};
      shown["conversation_key"] = stored.lane;
      clocks.push_back(std::move(shown));
    }
  }
  std::stable_sort(clocks.begin(), clocks.end(),
                   [](const json& a, const json& b) { return urgency(a) < urgency(b); });
  const auto now_ms = store_.server_now();
  if (!now_ms) return fail(now_ms.error());
  return dump_json({{"now", *now_ms}, {"clocks", clocks}});
}

}  // namespace deskwire::jobs
