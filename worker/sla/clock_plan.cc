#include "worker/sla/clock_plan.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "core/ids.h"
#include "core/json.h"
#include "jobs/alert_desk.h"
#include "worker/sla/sla_event.h"

namespace deskwire::worker {
namespace {

using nlohmann::json;
using Kind = SlaOccurrence::Kind;

/// Cycles of a metric whose events are remembered: a late fact does not repeat those of older ones.
constexpr int kKeptCycles = 20;
/// What ended so long before the first look is history, and nobody's news.
constexpr std::int64_t kNewsMs = 5LL * 60 * 1000;
/// Ended clocks are shown as long as this.
constexpr std::int64_t kShownMs = 24LL * 3600 * 1000;

bool is_alert(Kind kind) { return kind == Kind::kWarning || kind == Kind::kViolation; }

std::vector<Fact> facts_of(const jobs::StoredClocks& stored) {
  std::vector<Fact> facts;
  facts.reserve(stored.facts.size());
  for (const auto& [received_ms, text] : stored.facts) {
    if (auto fact = decode_fact(text, received_ms)) facts.push_back(std::move(*fact));
  }
  return facts;
}

/// A mark as it is kept: state (acked, snoozed), by, at_ms, until_ms (0: not by itself).
std::int64_t end_of_mark(const std::string& text, const SlaClock& clock) {
  const auto mark = parse_json(text);
  if (!mark) return 0;
  if (const auto until = integer_at(*mark, "until_ms"); until && *until > 0) return *until;
  const bool acked = string_at(*mark, "state") == "acked";
  const std::int64_t after_s = acked ? clock.target.policy->ack.unack_after_s : 0;
  return after_s > 0 ? integer_at(*mark, "at_ms").value_or(0) + after_s * 1000 : 0;
}

class Planner {
 public:
  Planner(const jobs::StoredClocks& stored, const PolicyBook& book, std::int64_t now_ms)
      : stored_(stored),
        now_ms_(now_ms),
        fold_(fold_facts(facts_of(stored), book, now_ms)),
        subject_(subject_of(fold_, stored.lane, book.mirrors())) {
    const auto before = parse_json(stored.clocks);
    began_ms_ = before ? integer_at(*before, "began_ms").value_or(now_ms) : now_ms;
    for (const json& shown : before ? before->value("clocks", json::array()) : json::array()) {
      if (const auto clock = clock_of(shown)) shown_.emplace(clock->metric, clock->cycle);
    }
    for (const auto& [id, note] : stored.told) {
      const auto told = read_note(note);
      if (told && told->kind == "violation") missed_.emplace(told->metric, told->cycle);
    }
    for (const SlaClock& clock : fold_.clocks) {
      int& newest = newest_[clock.metric];
      newest = std::max(newest, clock.cycle);
    }
  }

  jobs::ClockUpdate plan() && {
    update_.lane = stored_.lane;
    update_.generation = stored_.generation;
    update_.newest_fact = stored_.newest_fact;
    if (fold_.next_ms) update_.due_ms = *fold_.next_ms;
    for (const SlaOccurrence& occurrence : fold_.occurrences) tell(occurrence);
    retract();
    close_vanished();
    for (const SlaClock& clock : fold_.clocks) {
      update_.open = update_.open || !clock.ended();
      check_mark(clock);
    }
    drop_marks();
    update_.clocks = encode();
    return std::move(update_);
  }

 private:
  const SlaClock* find(SlaMetricName metric, int cycle) const {
    const auto found = std::find_if(
        fold_.clocks.begin(), fold_.clocks.end(),
        [&](const SlaClock& clock) { return clock.metric == metric && clock.cycle == cycle; });
    return found == fold_.clocks.end() ? nullptr : &*found;
  }

  bool is_kept(SlaMetricName metric, int cycle) const {
    const auto newest = newest_.find(metric);
    return newest == newest_.end() || cycle > newest->second - kKeptCycles;
  }

  std::string mark_of(SlaMetricName metric, int cycle) const {
    const auto mark = stored_.marks.find(mark_field(metric, cycle));
    return mark == stored_.marks.end() ? std::string() : mark->second;
  }

  void tell(const SlaOccurrence& occurrence) {
    if (occurrence.silent || !is_kept(occurrence.metric, occurrence.cycle)) return;
    const SlaClock* clock = find(occurrence.metric, occurrence.cycle);
    const bool running = clock != nullptr && !clock->ended();
    if (is_alert(occurrence.kind) ? !running : occurrence.at_ms < began_ms_ - kNewsMs) return;
    if (stored_.told.contains(event_id(subject_, occurrence))) return;
    // A policy that lost to another one before anybody saw its clock has ended nothing.
    const bool unseen = !shown_.contains({occurrence.metric, occurrence.cycle});
    if (occurrence.kind == Kind::kCancelled && occurrence.reason == "no_policy" && unseen) return;
    // Once missed is missed, also where other policies see another due time.
    if (is_alert(occurrence.kind) && missed_.contains({occurrence.metric, occurrence.cycle}))
      return;
    std::int64_t actual_s = occurrence.actual_s;
    if (is_alert(occurrence.kind)) actual_s = std::max(actual_s, clock->elapsed_ms / 1000);
    update_.events.push_back(make_sla_event(subject_, occurrence, actual_s,
                                            mark_of(occurrence.metric, occurrence.cycle),
                                            stored_.generation + 1, now_ms_));
  }

  /// Violations that were told, but that the facts as they are now do not show.
  void retract() {
    if (fold_.clocks.empty()) return;  // Nobody asks for clocks any more.
    for (const auto& [id, note] : stored_.told) {
      const auto told = read_note(note);
      if (!told) continue;
      if (!is_kept(told->metric, told->cycle)) {
        update_.forget_told.push_back(id);
      } else if (told->kind == "violation" && !is_missed(told->metric, told->cycle)) {
        const SlaClock* clock = find(told->metric, told->cycle);
        update_.events.push_back(make_retraction(subject_, id, {told->metric, told->cycle, clock},
                                                 stored_.generation + 1, now_ms_));
        update_.notes.emplace_back(id, "retracted " + note.substr(note.find(' ') + 1));
      }
    }
  }

  bool is_missed(SlaMetricName metric, int cycle) const {
    const SlaClock* clock = find(metric, cycle);
    return clock != nullptr && clock->breached;
  }

  struct Told {
    std::string kind;
    SlaMetricName metric;
    int cycle;
  };
  static std::optional<Told> read_note(const std::string& note) {
    const std::size_t first = note.find(' ');
    const std::size_t second = note.find(' ', first + 1);
    if (first == std::string::npos || second == std::string::npos) return std::nullopt;
    const std::string metric = note.substr(first + 1, second - first - 1);
    for (const SlaMetricName known : {SlaMetricName::kFirstResponse, SlaMetricName::kNextResponse,
                                      SlaMetricName::kResolution}) {
      if (metric != name_of(known)) continue;
      return Told{note.substr(0, first), known, std::atoi(note.c_str() + second + 1)};
    }
    return std::nullopt;
  }

  /// Whose clock the last look left for people.
  static std::optional<Told> clock_of(const json& shown) {
    return read_note("was " + string_at(shown, "metric") + " " +
                     std::to_string(integer_at(shown, "cycle").value_or(0)));
  }

  /// Clocks that ran at the last look, and that nobody asks for any more: their policy is gone.
  void close_vanished() {
    const auto before = parse_json(stored_.clocks);
    if (!before) return;
    for (const json& shown : before->value("clocks", json::array())) {
      if (!shown.is_object() || integer_at(shown, "ended_ms").value_or(0) != 0) continue;
      const auto told = clock_of(shown);
      if (!told || find(told->metric, told->cycle) != nullptr) continue;
      const bool is_told = std::any_of(
          fold_.occurrences.begin(), fold_.occurrences.end(), [&](const SlaOccurrence& o) {
            return o.metric == told->metric && o.cycle == told->cycle && o.kind == Kind::kCancelled;
          });
      if (!is_told) cancel(shown, *told);
    }
  }

  void cancel(json shown, const Told& told) {
    const std::string key = alert_key(subject_, told.metric, told.cycle);
    const std::string id = derived_id("sla:cancelled", key, std::to_string(stored_.generation));
    shown["reason"] = "no_policy";
    auto event = jobs::make_mark_event("sla:cancelled", id, told_as(std::move(shown)),
                                       {{"state", "none"}}, now_ms_);
    event.note =
        "cancelled " + std::string(name_of(told.metric)) + " " + std::to_string(told.cycle);
    update_.events.push_back(std::move(event));
  }

  /// What the board and the next look need stays out of events.
  json told_as(json data) const {
    for (const char* field :
         {"mark", "due_ms", "started_ms", "ended_ms", "breached", "state", "warned"}) {
      data.erase(field);
    }
    data["gen"] = stored_.generation + 1;
    data["replay"] = false;
    return {{"data", std::move(data)}, {"mirror", subject_.mirror}};
  }

  /// A mark ends by itself, with an event, or makes the conversation due when it will.
  void check_mark(const SlaClock& clock) {
    const std::string field = mark_field(clock.metric, clock.cycle);
    const std::string mark = mark_of(clock.metric, clock.cycle);
    if (mark.empty() || clock.ended()) return;
    kept_marks_.insert(field);
    const std::int64_t ends_ms = end_of_mark(mark, clock);
    if (ends_ms == 0) return;
    if (ends_ms > now_ms_) {
      update_.due_ms = update_.due_ms == 0 ? ends_ms : std::min(update_.due_ms, ends_ms);
      return;
    }
    kept_marks_.erase(field);
    const auto ended = parse_json(mark);
    const std::string id = string_at(*ended, "event_id");
    json data = clock_json(subject_, clock, {});
    data["reason"] = string_at(*ended, "state") == "snoozed" ? "snooze_over" : "ack_over";
    update_.events.push_back(jobs::make_mark_event(
        "sla:unacknowledged", id, told_as(std::move(data)), {{"state", "none"}}, now_ms_));
  }

  /// A mark ends with its cycle.
  void drop_marks() {
    for (const auto& [field, mark] : stored_.marks) {
      if (!kept_marks_.contains(field)) update_.forget_marks.push_back(field);
    }
  }

  /// The id under which the clock can be acknowledged; empty: nobody was told anything yet.
  std::string newest_alert(const SlaClock& clock) const {
    std::string newest;
    for (const SlaOccurrence& occurrence : fold_.occurrences) {
      if (!is_alert(occurrence.kind) || occurrence.metric != clock.metric ||
          occurrence.cycle != clock.cycle) {
        continue;
      }
      std::string id = event_id(subject_, occurrence);
      const bool is_told =
          stored_.told.contains(id) ||
          std::any_of(update_.events.begin(), update_.events.end(),
                      [&](const jobs::ClockEvent& event) { return event.id == id; });
      if (is_told) newest = std::move(id);
    }
    return newest;
  }

  /// For `deskwire sla`, the on-call board, and the next look.
  std::string encode() const {
    json clocks = json::array();
    for (const SlaClock& clock : fold_.clocks) {
      if (clock.ended() && clock.end_ms < now_ms_ - kShownMs) continue;
      const std::string mark = mark_of(clock.metric, clock.cycle);
      const bool marked = kept_marks_.contains(mark_field(clock.metric, clock.cycle));
      json shown = clock_json(subject_, clock, marked ? mark : std::string());
      if (const std::string id = newest_alert(clock); !id.empty()) shown["event_id"] = id;
      clocks.push_back(std::move(shown));
    }
    return dump_json({{"v", 1},
                      {"began_ms", began_ms_},
                      {"source", fold_.attributes.source},
                      {"status", fold_.status},
                      {"clocks", std::move(clocks)}});
  }

  const jobs::StoredClocks& stored_;
  const std::int64_t now_ms_;
  const SlaFold fold_;
  const SlaSubject subject_;
  std::int64_t began_ms_ = 0;  ///< The first look.
  std::map<SlaMetricName, int> newest_;
  std::set<std::pair<SlaMetricName, int>> shown_;   ///< At the last look.
  std::set<std::pair<SlaMetricName, int>> missed_;  ///< Told violations.
  std::set<std::string> kept_marks_;
  jobs::ClockUpdate update_;
};

}  // namespace

jobs::ClockUpdate plan_clocks(const jobs::StoredClocks& stored, const PolicyBook& book,
                              std::int64_t now_ms) {
  return Planner(stored, book, now_ms).plan();
}

}  // namespace deskwire::worker
