// Before somebody is woken: does the alert still hold?
//
//   due ── asked: no, first ──> ask the helpdesk ──┬── nothing to ask, or no answer ──> send
//                                                  ├── read ──> note it, due again in a second
//   due ── asked: yes ──> what is over by now drops out ──> send, or nobody is left to tell of
//
// The answer itself decides nothing here. It goes the way of a delivery: a fact, the keeper's look,
// `sla:met` on the channel, and the alert is over, whoever keeps the clocks.
#include "publishers/oncall/read_back.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/json.h"
#include "publishers/oncall/on_call_desk.h"

namespace deskwire::publishers {
namespace {

using nlohmann::json;

constexpr const char* kNote = "read_back";
/// From a fact to its alert's end on the desk. Also where the look found nothing new: another page
/// about the same alert may have taken it in a moment before.
constexpr std::int64_t kSettleMs = 1000;
/// Until a task that a stopping process gives back can be taken again.
constexpr std::int64_t kGiveBackMs = 250;

}  // namespace

std::size_t unread_of(const json& notification) {
  const json& note = object_at(notification, kNote);
  return static_cast<std::size_t>(integer_at(note, "unread").value_or(0));
}

bool OnCallDesk::is_to_be_read_back(const json& notification, const json& state) const {
  if (!ports_.read_back || sla_.on_call.read_back_s == 0) return false;
  const bool first = string_at(notification, "action") == "trigger" &&
                     !notification.contains(kNote) &&
                     integer_at(notification, "told_at").value_or(0) == 0;
  const bool about_conversation = string_at(state, "name").starts_with("sla:") &&
                                  id_at(object_at(state, "data"), "conversation").has_value();
  return first && about_conversation;
}

Result<bool> OnCallDesk::read_back(const DueTask& task, json& notification,
                                   const std::vector<json>& states, std::int64_t& now_ms) const {
  std::vector<json> alerts;
  alerts.reserve(states.size());
  for (const json& state : states) alerts.push_back(object_at(state, "data"));
  const std::int64_t limit_ms = sla_.on_call.read_back_s * 1000;
  // A page that waited behind others has used up its time there: however many there are, none is
  // late by more than the limit.
  const std::int64_t begun_ms = integer_at(notification, "first_at").value_or(now_ms);
  const std::int64_t left_ms = std::clamp<std::int64_t>(begun_ms + limit_ms - now_ms, 0, limit_ms);
  const ReadBack outcome = ports_.read_back(alerts, Milliseconds(left_ms));
  now_ms += outcome.spent.count();
  OnCallChange change;
  change.held = task;
  if (outcome.stopped) {
    change.tasks[task.name] = now_ms + kGiveBackMs;
  } else {
    const bool asked = outcome.read + outcome.unread > 0;
    const auto uncounted = static_cast<std::size_t>(integer_at(notification, "more").value_or(0));
    notification[kNote] = {{"read", outcome.read},
                           {"unread", outcome.unread + (asked ? uncounted : 0)}};
    // The sink's time to answer begins now.
    notification["first_at"] = now_ms;
    if (outcome.read == 0) return true;
    put(change, task.name, notification);
    change.tasks[task.name] = now_ms + kSettleMs;
  }
  const Status kept = commit(change);
  // Who holds the task by now does the rest; asking once more would only take time.
  if (!kept && kept.error().code != ErrorCode::kConflict) return fail(kept.error());
  return false;
}

}  // namespace deskwire::publishers
