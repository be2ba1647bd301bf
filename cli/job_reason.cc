#include "cli/job_reason.h"

#include <algorithm>
#include <array>
#include <utility>

#include "cli/halt_text.h"
#include "cli/table.h"
#include "cli/time_text.h"

namespace deskwire::cli {
namespace {

using jobs::Job;
using jobs::JobState;
using jobs::LaneView;
using Place = jobs::LaneView::Place;
using Words = std::pair<std::string_view, std::string_view>;

/// A lane that is ready this long although workers exist would be strange.
constexpr std::int64_t kLongWaitMs = 10000;

constexpr std::array<Words, 19> kErrors = {{
    {"rate_limited", "the helpdesk asked us to slow down"},
    {"circuit_open", "the helpdesk keeps failing, so it is left alone for a while"},
    {"awaiting_echo", "the reply may have been posted; its echo will tell"},
    {"unauthorized", "the helpdesk refused our token"},
    {"denied", "the helpdesk does not allow it with our token"},
    {"not_found", "the helpdesk does not know this conversation"},
    {"unavailable", "the helpdesk could not be reached"},
    {"timeout", "the helpdesk did not answer in time"},
    {"invalid", "the helpdesk did not accept what we sent"},
    {"too_large", "the helpdesk found it too large"},
    {"unparsable", "it has a shape that this version does not know; replay it after an upgrade"},
    {"unknown_source", "its source is not in the config"},
    {"unknown_kind", "no worker of this version runs this kind"},
    {"unknown_outcome", "nobody can tell whether the reply was posted"},
    {"empty_reply", "the responder had nothing to say"},
    {"poison", "the process died each time it was tried"},
    {"corrupt", "what is stored of it cannot be read"},
    {"cancelled", "the attempt was stopped"},
    {"internal", "a defect of ours; the log says more"},
}};

constexpr std::array<Words, 10> kSkips = {{
    {"skipped:closed", "the conversation was closed"},
    {"skipped:assigned_to_human", "a human has the conversation"},
    {"skipped:not_pending", "the conversation is not the bot's"},
    {"skipped:answered_by_human", "it had been answered already"},
    {"skipped:stale", "it had become too old"},
    {"skipped:only_listened_to", "its helpdesk is only listened to"},
    {"skipped:handed_off", "people have the conversation until they give it back"},
    {"skipped:not_enabled", "answers are not switched on for this conversation"},
    {"skipped:shadow_handoff", "people would have got it, but this is a shadow"},
    {"skipped:shadow", "this is a shadow"},
}};

template <std::size_t N>
std::string_view look_up(const std::array<Words, N>& table, std::string_view key) {
  for (const auto& [known, words] : table) {
    if (known == key) return words;
  }
  return {};
}

std::string attempt_text(int attempt, const Job& job) {
  return "attempt " + std::to_string(attempt) + " of " + std::to_string(job.max_attempts);
}

std::string at(std::int64_t when_ms, std::int64_t now_ms) {
  return "at " + clock_time(when_ms, now_ms) + " (" + spoken_moment(when_ms, now_ms) + ")";
}

/// Parked because a job of it died: the hand-off to a human runs all the same.
bool hands_off(const LaneView& lane) {
  return lane.parked && lane.parked->by.actor == jobs::kDeadHeadActor && lane.head &&
         lane.head->kind == "handoff";
}

/// What keeps a lane from being leased, the widest first.
const jobs::Halt* halt_of(const LaneView& lane) {
  for (const auto* halt : {&lane.parked, &lane.everything, &lane.kind, &lane.conversation}) {
    const bool passed = halt == &lane.parked && hands_off(lane);
    if (halt->has_value() && !passed) return &halt->value();
  }
  return nullptr;
}

std::string halt_sentence(const jobs::Halt& halt, std::int64_t now_ms) {
  std::string text = halt_text(halt, now_ms);
  if (halt.target.scope != jobs::HaltScope::kParked) {
    text.insert(std::string("paused").size(), " (" + name_of(halt.target) + ")");
  }
  text += "; run `" + resume_command(halt.target) + "`";
  if (halt.by.actor == jobs::kDeadHeadActor) text += " when that is mended";
  return text;
}

/// Added to what goes on by itself, but only up to the halt.
std::string and_then_halted(const LaneView& lane) {
  const jobs::Halt* halt = halt_of(lane);
  return halt == nullptr ? "" : "; it will not start then: " + halt_sentence(*halt, lane.now_ms);
}

JobReason finished(const Job& job, std::int64_t now_ms) {
  const std::string when = spoken_moment(job.finished_at_ms, now_ms);
  if (job.state == JobState::kCancelled) {
    return {"cancelled", "dropped by an operator " + when + "; `deskwire jobs audit` says who"};
  }
  if (job.state == JobState::kDead) {
    std::string why = "dead since " + clock_time(job.finished_at_ms, now_ms) + " (" + when + "), " +
                      (job.attempt > 0 ? "after " + attempt_text(job.attempt, job) + ": "
                                       : std::string("without an attempt: ")) +
                      explained_error(job.error_code);
    if (!job.replay.empty()) return {"dead", why + "; replayed as " + job.replay.str()};
    return {"dead", why + "; when that is mended, run `deskwire jobs replay " + job.id.str() + "`"};
  }
  if (job.outcome == "replied") return {"completed", "replied " + when};
  if (job.outcome.rfind("skipped:", 0) == 0) {
    const std::string_view words = look_up(kSkips, job.outcome);
    return {"completed",
            "skipped " + when + ": " +
                (words.empty() ? printable(job.outcome.substr(8)) : std::string(words))};
  }
  return {"completed", "done " + when + (job.outcome.empty() ? "" : ": " + printable(job.outcome))};
}

JobReason running(const Job& head, const LaneView& lane) {
  if (lane.place_ms <= lane.now_ms) {
    return {"running", "its worker " + printable(head.worker) + " is gone: the lease ended " +
                           spoken_moment(lane.place_ms, lane.now_ms) +
                           ", and another worker takes over within seconds"};
  }
  std::string since;
  if (head.leased_at_ms > 0) since = "for " + spoken(lane.now_ms - head.leased_at_ms) + " ";
  return {"running", "running " + since + "on worker " + printable(head.worker) + ", " +
                         attempt_text(head.attempt, head) + "; lease until " +
                         clock_time(lane.place_ms, lane.now_ms) + ", renewed while it lives"};
}

/// A reply that is put off waits for the customer to finish (config replies.debounce).
JobReason held(const Job& head, const LaneView& lane) {
  const std::string said =
      head.messages == 1 ? "1 message" : std::to_string(head.messages) + " messages";
  return {"scheduled", "holding the reply in case the customer goes on (" + said +
                           " so far); it is begun " + at(lane.place_ms, lane.now_ms) +
                           ", or a little later if more comes" + and_then_halted(lane)};
}

JobReason waiting(const Job& head, const LaneView& lane) {
  if (head.state == JobState::kScheduled && head.kind == "reply") return held(head, lane);
  if (head.state == JobState::kScheduled) {
    return {"scheduled", "scheduled " + at(lane.place_ms, lane.now_ms) + and_then_halted(lane)};
  }
  std::string why =
      "waiting: " + attempt_text(head.attempt + 1, head) + " " + at(lane.place_ms, lane.now_ms);
  if (!head.error_code.empty()) why += ", after " + explained_error(head.error_code);
  return {"waiting", why + and_then_halted(lane)};
}

JobReason ready(const Job& head, const LaneView& lane) {
  if (const jobs::Halt* halt = halt_of(lane)) {
    const bool park = halt->target.scope == jobs::HaltScope::kParked;
    return {park ? "parked" : "paused", halt_sentence(*halt, lane.now_ms)};
  }
  const std::int64_t waits_ms = std::max<std::int64_t>(0, lane.now_ms - head.due_at_ms);
  std::string why = "ready for " + spoken(waits_ms) + ", waits for a free worker";
  if (lane.lanes_ready > 1) {
    why += " with " + std::to_string(lane.lanes_ready - 1) + " other conversations of its shard";
  }
  if (waits_ms > kLongWaitMs)
    why += "; if this lasts, see whether a worker runs: `deskwire doctor`";
  return {"ready", why};
}

JobReason reason_of_head(const LaneView& lane) {
  switch (lane.place) {
    case Place::kLease:
      return running(*lane.head, lane);
    case Place::kTimers:
      return waiting(*lane.head, lane);
    case Place::kReady:
    case Place::kParked:
    case Place::kNone:
      break;
  }
  return ready(*lane.head, lane);
}

}  // namespace

std::string explained_error(std::string_view code) {
  if (code.empty()) return "an error without a code";
  const std::string_view words = look_up(kErrors, code);
  const std::string name = printable(code);
  return words.empty() ? name : name + " (" + std::string(words) + ")";
}

JobReason reason_of_conversation(const LaneView& lane, const std::optional<Job>& last) {
  if (lane.head) {
    JobReason reason = reason_of_head(lane);
    if (lane.length > 1) reason.why += "; " + std::to_string(lane.length - 1) + " more behind it";
    return reason;
  }
  if (lane.length > 0) {
    return {"lost", "the head of its lane is no job; run `deskwire jobs fsck --repair`"};
  }
  JobReason reason{"idle", "nothing waits"};
  if (last) {
    reason.why += "; the last job (" + last->id.str() + "): " + finished(*last, lane.now_ms).why;
  } else {
    reason.why += ", and no finished job of it is remembered";
  }
  if (const jobs::Halt* halt = halt_of(lane)) {
    reason.why += "; what comes next will not start: " + halt_sentence(*halt, lane.now_ms);
  }
  return reason;
}

JobReason reason_of_job(const Job& job, const LaneView& lane) {
  const bool live = job.state != JobState::kCompleted && job.state != JobState::kCancelled &&
                    job.state != JobState::kDead;
  if (!live) return finished(job, lane.now_ms);
  if (!lane.ahead || !lane.head) {
    return {"lost", "it is " + std::string(name_of(job.state)) +
                        " but not in its lane; run `deskwire jobs fsck --repair`"};
  }
  if (*lane.ahead == 0) return reason_of_head(lane);
  return {"behind", "behind " + std::to_string(*lane.ahead) +
                        (*lane.ahead == 1 ? " job" : " jobs") + " of conversation " +
                        printable(job.lane) + "; the head (" + lane.head->id.str() +
                        "): " + reason_of_head(lane).why};
}

}  // namespace deskwire::cli
