#include "worker/sla/policy_book.h"

#include <algorithm>
#include <utility>

#include "worker/sla/policy_match.h"

namespace deskwire::worker {
namespace {

constexpr std::string_view kContact = "contact.";

ConversationTraits traits_of(const SlaAttributes& attributes) {
  ConversationTraits traits;
  traits.source = attributes.source;
  traits.inbox = attributes.inbox.value_or("");
  traits.labels = attributes.labels.value_or(std::vector<std::string>{});
  traits.priority = attributes.priority.value_or("");
  traits.team = attributes.team.value_or("");
  traits.helpdesk_sla = attributes.helpdesk_sla.value_or("");
  for (const auto& [name, value] : attributes.custom) {
    if (name.starts_with(kContact)) traits.contact[name.substr(kContact.size())] = value;
  }
  return traits;
}

}  // namespace

std::string_view name_of(SlaMetricName metric) {
  switch (metric) {
    case SlaMetricName::kFirstResponse:
      return "first_response";
    case SlaMetricName::kNextResponse:
      return "next_response";
    case SlaMetricName::kResolution:
      return "resolution";
  }
  return "resolution";
}

Result<std::shared_ptr<const PolicyBook>> PolicyBook::make(const config::Sla& settings) {
  const std::shared_ptr<PolicyBook> book(new PolicyBook());
  book->settings_ = settings;
  std::stable_sort(book->settings_.policies.begin(), book->settings_.policies.end(),
                   [](const auto& a, const auto& b) { return a.position < b.position; });
  for (const auto& [id, calendar] : settings.calendars) {
    auto made = Calendar::make(calendar);
    if (!made) return fail(std::move(made.error()).prefixed("sla calendar " + id));
    book->calendars_.emplace(id, std::move(*made));
  }
  for (const config::SlaPolicy& policy : book->settings_.policies) {
    if (policy.effective_from_ms) book->changes_.push_back(*policy.effective_from_ms);
  }
  std::sort(book->changes_.begin(), book->changes_.end());
  return std::shared_ptr<const PolicyBook>(book);
}

const config::SlaPolicy* PolicyBook::match(const SlaAttributes& attributes,
                                           std::int64_t at_ms) const {
  return match_policy(settings_.policies, traits_of(attributes), at_ms);
}

std::optional<SlaTarget> PolicyBook::target(const config::SlaPolicy* policy, SlaMetricName metric,
                                            const SlaAttributes& attributes) const {
  if (policy == nullptr) return std::nullopt;
  SlaTarget target;
  target.policy = policy;
  target.metric = metric == SlaMetricName::kFirstResponse  ? &policy->first_response
                  : metric == SlaMetricName::kNextResponse ? &policy->next_response
                                                           : &policy->resolution;
  target.priority = attributes.priority.value_or("");
  target.target_ms = target.metric->target_s(target.priority) * 1000;
  if (target.target_ms <= 0) return std::nullopt;
  target.calendar = &always_;
  const auto calendar = calendars_.find(policy->calendar);
  const bool business = target.metric->hours_of(target.priority) == config::SlaHours::kBusiness;
  if (business && calendar != calendars_.end()) {
    target.calendar = &calendar->second;
    target.calendar_id = calendar->first;
  }
  return target;
}

}  // namespace deskwire::worker
