#include "worker/handlers/hand_over.h"

#include <algorithm>
#include <utility>

#include "core/channel.h"
#include "core/ids.h"
#include "core/log.h"
#include "worker/guards/hand_off_reasons.h"
#include "worker/guards/masking.h"
#include "worker/guards/words.h"
#include "worker/handlers/reply_events.h"

namespace deskwire::worker {
namespace {

constexpr std::size_t kTurnsInNote = 6;
constexpr std::size_t kCharactersInNote = 300;
constexpr int kNoteOrdinal = 2;

ConversationRef conversation_of(const HandOverTask& task) {
  return {task.payload.account_id, task.payload.conversation_id, task.lease.lane};
}

const char* name_of(Turn::Who who) {
  if (who == Turn::Who::kCustomer) return "Customer";
  return who == Turn::Who::kAssistant ? "Assistant" : "Agent";
}

void add_turn(std::string& note, const char* who, std::string_view text) {
  std::string line = shortened_end(masked(text), kCharactersInNote);
  std::replace(line.begin(), line.end(), '\n', ' ');
  note += std::string("\n") + who + ": " + line;
}

}  // namespace

std::string hand_over_note(const HandOverTask& task) {
  std::string note =
      "The assistant hands this conversation to you: " + hand_off_sentence(task.reason) +
      ".\nReason: " + task.reason + "\n";
  // The helpdesk shows the message right above the note; a summary is for what is further up.
  if (task.turns.empty()) return note + "The customer's last message is not answered.";
  const std::size_t from = task.turns.size() > kTurnsInNote ? task.turns.size() - kTurnsInNote : 0;
  if (from > 0) note += "\n[" + std::to_string(from) + " earlier messages]";
  for (std::size_t i = from; i < task.turns.size(); ++i) {
    add_turn(note, name_of(task.turns[i].who), task.turns[i].text);
  }
  add_turn(note, "Customer", task.payload.content);
  return note;
}

tl::expected<void, HandOver::Failure> HandOver::run(const HandOverTask& task) const {
  const Status handed = task.helpdesk.client->hand_off(conversation_of(task));
  if (!handed) return tl::unexpected(Failure{handed.error(), true});
  // The mark before the rest: once people may answer, the assistant must not.
  if (const Status remembered = remember(task); !remembered) {
    return tl::unexpected(Failure{remembered.error(), false});
  }
  assign(task);
  if (replies_.hand_off.note) leave_note(task);
  return {};
}

Status HandOver::remember(const HandOverTask& task) const {
  const auto known = store_.conversation(task.lease.lane);
  if (!known) return fail(known.error());
  jobs::EnqueueRequest request;
  request.lane = task.lease.lane;
  request.receipt = new_job_id(clock_.wall_ms(), shard_of_lane(task.lease.lane)).str();
  request.state = jobs::ConversationState{};
  request.state->status = "open";
  request.state->handed_off = task.reason;
  // Newer than all that the helpdesk has told, in its own time, and older than what it tells next.
  if (known->updated_at_ms > 0) request.state->updated_at_ms = known->updated_at_ms + 1;
  request.events = {handed_off(task.lease, task.reason, clock_.wall_ms())};
  const auto done = store_.enqueue(request);
  if (!done) return fail(done.error());
  return {};
}

void HandOver::assign(const HandOverTask& task) const {
  const config::HandOff& settings = replies_.hand_off;
  if (settings.team_id.empty() && settings.labels.empty()) return;
  std::vector<std::string> labels;
  if (!settings.labels.empty()) {
    labels = task.payload.labels;
    for (const std::string& label : settings.labels) {
      if (std::find(labels.begin(), labels.end(), label) == labels.end()) labels.push_back(label);
    }
  }
  const Status assigned =
      task.helpdesk.client->assign(conversation_of(task), settings.team_id, labels);
  if (!assigned) {
    log::warn("handoff_not_assigned", {{"job", task.lease.id.str()},
                                       {"code", deskwire::name_of(assigned.error().code)},
                                       {"cause", assigned.error().message}});
  }
}

void HandOver::leave_note(const HandOverTask& task) const {
  PostRequest note{.conversation = conversation_of(task),
                   .content = hand_over_note(task),
                   .source_id = jobs::our_message_id(task.lease.root.str(), kNoteOrdinal),
                   .in_reply_to = {},
                   .is_private = true,
                   .attempt = task.lease.attempt,
                   .simulate = {}};
  if (task.lease.attempt > 1 || task.lease.crashes > 0) {
    const auto found =
        task.helpdesk.client->find_message(note.conversation, note.source_id, note.in_reply_to);
    if (found && *found) return;
  }
  const auto posted = task.helpdesk.client->create_message(note);
  if (!posted) {
    log::warn("handoff_without_note", {{"job", task.lease.id.str()},
                                       {"code", deskwire::name_of(posted.error().code)},
                                       {"cause", posted.error().message}});
  }
}

}  // namespace deskwire::worker
