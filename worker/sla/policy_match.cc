#include "worker/sla/policy_match.h"

#include <algorithm>
#include <limits>
#include <string_view>

namespace deskwire::worker {
namespace {

using config::SlaCondition;
using config::SlaPolicy;

constexpr std::int64_t kEver = std::numeric_limits<std::int64_t>::min();

/// Labels are several values, the others at most one.
std::vector<std::string> values_of(std::string_view field, const ConversationTraits& traits) {
  const auto one = [](const std::string& value) {
    return value.empty() ? std::vector<std::string>{} : std::vector<std::string>{value};
  };
  if (field == "source") return one(traits.source);
  if (field == "inbox") return one(traits.inbox);
  if (field == "labels") return traits.labels;
  if (field == "priority") return one(traits.priority);
  if (field == "team") return one(traits.team);
  if (field == "sla") return one(traits.helpdesk_sla);
  constexpr std::string_view kContact = "contact.";
  if (!field.starts_with(kContact)) return {};
  const auto found = traits.contact.find(std::string(field.substr(kContact.size())));
  return found == traits.contact.end() ? std::vector<std::string>{} : one(found->second);
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool contains(std::string_view text, std::string_view part) {
  return std::search(text.begin(), text.end(), part.begin(), part.end(),
                     [](char a, char b) { return lower(a) == lower(b); }) != text.end();
}

bool holds(const SlaCondition& condition, const ConversationTraits& traits) {
  const std::vector<std::string> own = values_of(condition.field, traits);
  if (condition.op == "exists") return !own.empty();
  if (condition.op == "missing") return own.empty();
  const bool parts = condition.op.starts_with("contains");
  const bool found = std::any_of(own.begin(), own.end(), [&](const std::string& value) {
    return std::any_of(condition.values.begin(), condition.values.end(),
                       [&](const std::string& wanted) {
                         return parts ? contains(value, wanted) : value == wanted;
                       });
  });
  const bool negated = condition.op == "is_not" || condition.op == "contains_not";
  return found != negated;
}

bool is_in_effect(const std::vector<SlaPolicy>& policies, const SlaPolicy& policy,
                  std::int64_t at_ms) {
  const std::int64_t own_from = policy.effective_from_ms.value_or(kEver);
  if (own_from > at_ms) return false;
  return std::none_of(policies.begin(), policies.end(), [&](const SlaPolicy& other) {
    const std::int64_t from = other.effective_from_ms.value_or(kEver);
    if (&other == &policy || other.id != policy.id || from > at_ms) return false;
    return from > own_from || (from == own_from && other.version > policy.version);
  });
}

}  // namespace

bool matches(const SlaPolicy& policy, const ConversationTraits& traits) {
  const auto met = [&](const SlaCondition& condition) { return holds(condition, traits); };
  return std::all_of(policy.all.begin(), policy.all.end(), met) &&
         (policy.any.empty() || std::any_of(policy.any.begin(), policy.any.end(), met));
}

const SlaPolicy* match_policy(const std::vector<SlaPolicy>& policies,
                              const ConversationTraits& traits, std::int64_t at_ms) {
  for (const SlaPolicy& policy : policies) {
    if (is_in_effect(policies, policy, at_ms) && matches(policy, traits)) return &policy;
  }
  return nullptr;
}

}  // namespace deskwire::worker
