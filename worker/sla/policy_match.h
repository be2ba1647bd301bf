#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "config/sla.h"

namespace deskwire::worker {

/// What policies are matched on; unknown ones are empty.
struct ConversationTraits {
  std::string source{};
  std::string inbox{};
  std::vector<std::string> labels{};
  std::string priority{};
  std::string team{};
  std::string helpdesk_sla{};  ///< Name of the policy that the helpdesk itself applied.
  std::map<std::string, std::string> contact{};  ///< Attributes by name.
};

/// The policy that holds for a conversation at a moment: the first that matches, of each id the
/// version in effect then. Pure.
///
/// @param policies  In the order in which they are tried (config::parse sorts them).
/// @return          nullptr: none.
const config::SlaPolicy* match_policy(const std::vector<config::SlaPolicy>& policies,
                                      const ConversationTraits& traits, std::int64_t at_ms);

/// Whether every condition of `all` and one of `any` (if there are some) holds.
bool matches(const config::SlaPolicy& policy, const ConversationTraits& traits);

}  // namespace deskwire::worker
