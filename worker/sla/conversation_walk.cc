#include "worker/sla/conversation_walk.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace deskwire::worker {
namespace {

using Metric = SlaMetricName;

constexpr std::array<Metric, 3> kMetrics{Metric::kFirstResponse, Metric::kNextResponse,
                                         Metric::kResolution};
constexpr std::string_view kResolved = "resolved";
constexpr std::string_view kPending = "pending";

bool is_message(const Fact& fact) {
  return fact.kind == Fact::Kind::kCustomerMessage || fact.kind == Fact::Kind::kHumanResponse ||
         fact.kind == Fact::Kind::kOtherResponse;
}

bool contains(const std::vector<std::string>& list, const std::string& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

}  // namespace

ConversationWalk::ConversationWalk(const PolicyBook& book, const std::vector<Fact>& facts)
    : book_(book) {
  for (const Fact& fact : facts) {
    steps_.push_back({fact.known_at_ms, Step::Kind::kKnown, &fact});
    if (is_message(fact)) steps_.push_back({fact.at_ms, Step::Kind::kMessage, &fact});
    if (fact.kind == Fact::Kind::kConversation && !fact.status.empty() && !fact.creates) {
      steps_.push_back({fact.known_at_ms, Step::Kind::kStatus, &fact});
    }
    if (fact.kind == Fact::Kind::kDeleted || fact.kind == Fact::Kind::kMerged) {
      steps_.push_back({fact.at_ms, Step::Kind::kEnd, &fact});
    }
    if (fact.first_reply_at_ms > 0) {
      steps_.push_back({std::min(fact.first_reply_at_ms, fact.received_ms + kMaxSkewMs),
                        Step::Kind::kHelpdeskReply, &fact});
    }
    // Chatwoot lets a conversation wait from its creation on, whoever began it.
    const bool told_late = fact.kind == Fact::Kind::kConversation &&
                           fact.waiting_since_ms > fact.conversation_created_ms;
    if (fact.waiting_since_ms > 0 && (told_late || fact.kind == Fact::Kind::kCustomerMessage)) {
      steps_.push_back({std::min(fact.waiting_since_ms, fact.received_ms + kMaxSkewMs),
                        Step::Kind::kWaiting, &fact});
    }
    const std::int64_t created = fact.conversation_created_ms;
    if (created > 0) created_ms_ = created_ms_ == 0 ? created : std::min(created_ms_, created);
  }
  for (const std::int64_t at_ms : book.changes()) {
    steps_.push_back({at_ms, Step::Kind::kPolicies, nullptr});
  }
  std::sort(steps_.begin(), steps_.end(), before);
}

bool ConversationWalk::before(const Step& a, const Step& b) {
  if (a.at_ms != b.at_ms) return a.at_ms < b.at_ms;
  if (a.kind != b.kind) return a.kind < b.kind;
  if (a.fact == nullptr || b.fact == nullptr) return a.fact == nullptr && b.fact != nullptr;
  // Ids that are numbers grow in length before they grow in digits.
  const auto key = [](const Fact& fact) {
    return std::tuple(fact.sequence.size(), std::cref(fact.sequence), std::cref(fact.identity));
  };
  const auto left = key(*a.fact);
  const auto right = key(*b.fact);
  if (std::get<0>(left) != std::get<0>(right)) return std::get<0>(left) < std::get<0>(right);
  const int by_id = std::get<1>(left).get().compare(std::get<1>(right).get());
  return by_id != 0 ? by_id < 0 : std::get<2>(left).get() < std::get<2>(right).get();
}

void ConversationWalk::run(std::int64_t now_ms) {
  for (const Step& step : steps_) {
    // Only facts whose helpdesk's clock runs ahead are already known.
    if (step.at_ms > now_ms && (step.fact == nullptr || step.at_ms > now_ms + kMaxSkewMs)) continue;
    for (auto& clocks : clocks_) {
      if (!clocks.empty()) clocks.back().advance(std::min(step.at_ms, now_ms + 1));
    }
    take(step);
    settle(step.at_ms, step.fact == nullptr ? step.at_ms : step.fact->received_ms);
  }
  for (auto& clocks : clocks_) {
    if (!clocks.empty()) clocks.back().advance(now_ms + 1);
  }
}

void ConversationWalk::take(const Step& step) {
  if (step.kind == Step::Kind::kPolicies || gone_) return;
  const Fact& fact = *step.fact;
  switch (step.kind) {
    case Step::Kind::kPolicies:
      return;
    case Step::Kind::kKnown:
      attributes_.merge(fact.attributes);
      // Before the messages of that moment, which the conversation was created for.
      if (fact.creates && !fact.status.empty()) take_status(fact.status, step.at_ms);
      begun_ = begun_ || is_message(fact) || fact.kind == Fact::Kind::kConversation;
      return;
    case Step::Kind::kHelpdeskReply:
      if (!answered_) take_response(step.at_ms, true);
      return;
    case Step::Kind::kMessage:
      return take_message(fact);
    case Step::Kind::kWaiting:
      return take_waiting(step.at_ms, fact.received_ms);
    case Step::Kind::kStatus:
      return take_status(fact.status, step.at_ms);
    case Step::Kind::kEnd:
      return end(step.at_ms, fact.kind == Fact::Kind::kMerged ? "merged" : "deleted");
  }
}

void ConversationWalk::take_message(const Fact& fact) {
  begun_ = true;
  if (fact.kind == Fact::Kind::kCustomerMessage) return take_waiting(fact.at_ms, fact.received_ms);
  take_response(fact.at_ms, fact.kind == Fact::Kind::kHumanResponse);
}

/// The oldest message counts: writing again does not start the clock anew.
void ConversationWalk::take_waiting(std::int64_t since_ms, std::int64_t seen_ms) {
  if (!waiting_) waiting_ = Waiting{since_ms, seen_ms};
}

void ConversationWalk::take_response(std::int64_t at_ms, bool human) {
  bool counted = human;
  for (const Metric metric : {Metric::kFirstResponse, Metric::kNextResponse}) {
    RunningClock* clock = open_clock(metric);
    if (clock == nullptr || !accepts(metric, human)) continue;
    clock->meet(at_ms);
    counted = true;
    if (metric == Metric::kFirstResponse) answered_ = true;
  }
  if (counted) waiting_.reset();
}

bool ConversationWalk::accepts(Metric metric, bool human) const {
  if (human) return true;
  const auto wanted = target(metric);
  return wanted && wanted->metric->counts_as_response == config::SlaAuthor::kAny;
}

void ConversationWalk::take_status(const std::string& status, std::int64_t at_ms) {
  if (status == status_) return;
  const bool reopens = status_ == kResolved;
  if (!spans_.empty()) spans_.back().time.to_ms = at_ms;
  spans_.push_back({status, {at_ms, std::nullopt}});
  status_ = status;
  if (status == kResolved) {
    for (const Metric metric : {Metric::kFirstResponse, Metric::kNextResponse}) {
      if (RunningClock* clock = open_clock(metric)) clock->cancel(at_ms, std::string(kResolved));
    }
    if (RunningClock* clock = open_clock(Metric::kResolution)) clock->meet(at_ms);
    waiting_.reset();
  } else if (reopens) {
    take_reopening(at_ms);
  }
}

void ConversationWalk::take_reopening(std::int64_t at_ms) {
  RunningClock* clock = newest(Metric::kResolution);
  if (clock == nullptr || clock->open()) return;
  const auto& asked = clock->target();
  const config::SlaMode mode = asked ? asked->metric->mode : config::SlaMode::kTotal;
  if (mode == config::SlaMode::kTotal) {
    clock->reopen(at_ms);
  } else if (mode == config::SlaMode::kCycle) {
    start(Metric::kResolution, at_ms, at_ms);
  }
}

void ConversationWalk::end(std::int64_t at_ms, const std::string& reason) {
  for (const Metric metric : kMetrics) {
    if (RunningClock* clock = open_clock(metric)) clock->cancel(at_ms, reason);
  }
  gone_ = true;
}

void ConversationWalk::settle(std::int64_t at_ms, std::int64_t seen_ms) {
  policy_ = book_.match(attributes_, at_ms);
  if (begun_ && !gone_ && status_ != kResolved) {
    if (newest(Metric::kResolution) == nullptr) {
      start(Metric::kResolution, created_ms_ > 0 ? std::min(created_ms_, at_ms) : at_ms, seen_ms);
    }
    if (waiting_) {
      const bool first_is_asked = policy_ == nullptr || target(Metric::kFirstResponse).has_value();
      if (!answered_) start(Metric::kFirstResponse, waiting_->since_ms, waiting_->seen_ms);
      if (answered_ || !first_is_asked) {
        start(Metric::kNextResponse, waiting_->since_ms, waiting_->seen_ms);
      }
    }
  }
  for (const Metric metric : kMetrics) {
    RunningClock* clock = open_clock(metric);
    if (clock == nullptr) continue;
    const auto wanted = target(metric);
    clock->apply(wanted, wanted ? pauses(*clock, *wanted) : std::vector<Pause>{}, at_ms);
  }
}

/// Nothing happens while one runs.
void ConversationWalk::start(Metric metric, std::int64_t start_ms, std::int64_t seen_ms) {
  if (open_clock(metric) != nullptr) return;
  auto& clocks = clocks_.at(static_cast<std::size_t>(metric));
  clocks.emplace_back(metric, static_cast<int>(clocks.size()) + 1, start_ms, seen_ms);
}

std::optional<SlaTarget> ConversationWalk::target(Metric metric) const {
  return book_.target(policy_, metric, attributes_);
}

std::vector<Pause> ConversationWalk::pauses(const RunningClock& clock,
                                            const SlaTarget& target) const {
  const bool first = clock.metric() == Metric::kFirstResponse;
  const bool waits_for_handover = first && target.metric->start == config::SlaStart::kHandover;
  std::vector<Pause> result;
  for (const Span& span : spans_) {
    if (span.time.to_ms && *span.time.to_ms <= clock.start_ms()) continue;
    const bool closed = clock.metric() == Metric::kResolution && span.status == kResolved;
    if (closed || contains(target.metric->pause_on, span.status) ||
        (waits_for_handover && span.status == kPending)) {
      result.push_back(span.time);
    }
  }
  return result;
}

RunningClock* ConversationWalk::newest(Metric metric) {
  auto& clocks = clocks_.at(static_cast<std::size_t>(metric));
  return clocks.empty() ? nullptr : &clocks.back();
}

RunningClock* ConversationWalk::open_clock(Metric metric) {
  RunningClock* clock = newest(metric);
  return clock != nullptr && clock->open() ? clock : nullptr;
}

SlaFold ConversationWalk::result(std::int64_t now_ms) && {
  SlaFold fold;
  for (const auto& clocks : clocks_) {
    for (const RunningClock& clock : clocks) {
      fold.occurrences.insert(fold.occurrences.end(), clock.occurrences().begin(),
                              clock.occurrences().end());
      if (clock.visible()) fold.clocks.push_back(clock.snapshot(now_ms));
      const auto next = clock.next_ms();
      if (next) fold.next_ms = fold.next_ms ? std::min(*fold.next_ms, *next) : *next;
    }
  }
  // A version of a policy that takes effect later changes clocks by itself.
  for (const std::int64_t at_ms : book_.changes()) {
    if (at_ms <= now_ms || fold.clocks.empty()) continue;
    fold.next_ms = fold.next_ms ? std::min(*fold.next_ms, at_ms) : at_ms;
    break;
  }
  std::stable_sort(fold.occurrences.begin(), fold.occurrences.end(),
                   [](const auto& a, const auto& b) { return a.at_ms < b.at_ms; });
  fold.attributes = std::move(attributes_);
  fold.status = std::move(status_);
  return fold;
}

}  // namespace deskwire::worker
