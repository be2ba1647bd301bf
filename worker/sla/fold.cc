#include "worker/sla/fold.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "core/hash.h"
#include "worker/sla/conversation_walk.h"

namespace deskwire::worker {
namespace {

constexpr std::size_t kEventIdLength = 32;

/// The same fact may have come twice; the first arrival counts.
std::vector<Fact> without_repeats(std::vector<Fact> facts) {
  std::sort(facts.begin(), facts.end(), [](const Fact& a, const Fact& b) {
    return std::tie(a.identity, a.received_ms, a.at_ms) <
           std::tie(b.identity, b.received_ms, b.at_ms);
  });
  const auto last = std::unique(facts.begin(), facts.end(), [](const Fact& a, const Fact& b) {
    return a.identity == b.identity;
  });
  facts.erase(last, facts.end());
  return facts;
}

std::string digest_of(const std::string& text) {
  return hex_encode(sha256(text)).substr(0, kEventIdLength);
}

std::string identity_of(std::string_view account, std::string_view conversation,
                        SlaMetricName metric, int cycle, std::string_view kind, std::int64_t level,
                        std::int64_t instant_ms) {
  std::string text(account);
  text.append(1, '|').append(conversation).append(1, '|').append(name_of(metric));
  text.append(1, '|').append(std::to_string(cycle)).append(1, '|').append(kind);
  text.append(1, '|').append(std::to_string(level));
  text.append(1, '|').append(std::to_string(instant_ms));
  return digest_of(text);
}

/// Tells 75 % and "75 s before" apart.
std::int64_t level_number(const config::SlaWarning& level) {
  return level.before_s > 0 ? -level.before_s : level.percent;
}

}  // namespace

std::string alert_key(std::string_view account, std::string_view conversation, SlaMetricName metric,
                      int cycle) {
  std::string key("sla/");
  key.append(account).append(1, '/').append(conversation).append(1, '/');
  key.append(name_of(metric)).append(1, '/').append(std::to_string(cycle));
  return key;
}

std::string event_id(std::string_view account, std::string_view conversation,
                     const SlaOccurrence& occurrence) {
  return identity_of(account, conversation, occurrence.metric, occurrence.cycle,
                     name_of(occurrence.kind), level_number(occurrence.level),
                     occurrence.instant_ms);
}

std::string violation_id(std::string_view account, std::string_view conversation,
                         const SlaClock& clock) {
  return identity_of(account, conversation, clock.metric, clock.cycle,
                     name_of(SlaOccurrence::Kind::kViolation), 0, clock.breach_due_ms);
}

SlaFold fold_facts(std::vector<Fact> facts, const PolicyBook& book, std::int64_t now_ms) {
  const std::vector<Fact> kept = without_repeats(std::move(facts));
  ConversationWalk walk(book, kept);
  walk.run(now_ms);
  return std::move(walk).result(now_ms);
}

}  // namespace deskwire::worker
