#include "worker/guards/rollout.h"

#include <algorithm>

#include "core/hash.h"

namespace deskwire::worker {
namespace {

/// 0..99, evenly spread, the same everywhere and for ever.
int percentile(std::string_view conversation) {
  const std::string digest = sha256("rollout:" + std::string(conversation));
  unsigned value = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    value = value << 8U | static_cast<unsigned char>(digest[i]);
  }
  return static_cast<int>(value % 100);
}

bool lists(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool speaks_for(const config::Persona& persona, std::string_view source, std::string_view inbox) {
  if (persona.sources.empty() && persona.inboxes.empty()) return false;
  return (persona.sources.empty() || lists(persona.sources, source)) &&
         (persona.inboxes.empty() || lists(persona.inboxes, inbox));
}

}  // namespace

Rollout rollout_of(const config::Replies& replies, std::string_view source, std::string_view inbox,
                   std::string_view conversation) {
  config::RolloutRule rule{.source = {},
                           .inbox = {},
                           .enabled = replies.enabled,
                           .percent = replies.percent,
                           .shadow = replies.shadow};
  for (const config::RolloutRule& candidate : replies.rollout) {
    const bool fits = (candidate.source.empty() || candidate.source == source) &&
                      (candidate.inbox.empty() || candidate.inbox == inbox);
    if (!fits) continue;
    rule = candidate;
    rule.enabled = rule.enabled && replies.enabled;  // One switch turns everything off.
    break;
  }
  if (!rule.enabled || percentile(conversation) >= rule.percent) return Rollout::kOff;
  return rule.shadow ? Rollout::kShadow : Rollout::kOn;
}

std::string persona_of(const config::Replies& replies, std::string_view source,
                       std::string_view inbox) {
  for (const auto& [name, persona] : replies.personas) {
    if (speaks_for(persona, source, inbox)) return name;
  }
  return replies.persona;
}

}  // namespace deskwire::worker
