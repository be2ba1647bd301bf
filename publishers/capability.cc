#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "core/channel.h"
#include "publishers/token.h"

namespace deskwire::publishers {

namespace {

constexpr std::array<std::string_view, 4> kRestrictedWords = {"internal", "agents", "oncall",
                                                              "ops"};
constexpr std::array<std::string_view, 5> kOperations = {"subscribe", "publish", "presence",
                                                         "history", "sla"};
constexpr std::size_t kMaxPatterns = 256;

std::string_view last_segment(std::string_view name) {
  const std::size_t colon = name.rfind(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

bool is_restricted_word(std::string_view word) {
  return std::find(kRestrictedWords.begin(), kRestrictedWords.end(), word) !=
         kRestrictedWords.end();
}

std::string_view next_segment(std::string_view& rest) {
  const std::size_t colon = rest.find(':');
  const std::string_view segment = rest.substr(0, colon);
  rest = colon == std::string_view::npos ? std::string_view() : rest.substr(colon + 1);
  return segment;
}

/// Segment by segment; `*` stands for one whole segment.
bool segments_match(std::string_view pattern, std::string_view name) {
  if (std::count(pattern.begin(), pattern.end(), ':') !=
      std::count(name.begin(), name.end(), ':')) {
    return false;
  }
  while (!pattern.empty() || !name.empty()) {
    const std::string_view wanted = next_segment(pattern);
    const std::string_view have = next_segment(name);
    if (wanted != "*" && wanted != have) return false;
  }
  return true;
}

bool contains(const std::vector<std::string>& operations, std::string_view operation) {
  return std::find(operations.begin(), operations.end(), operation) != operations.end();
}

bool resource_grants(std::string_view resource, std::string_view channel) {
  const bool restricted = is_restricted_channel(channel);
  if (restricted && last_segment(resource) != last_segment(channel)) return false;
  return resource == "*" || segments_match(resource, channel);
}

/// Whether everything that `asked` could ever match is matched by `granted`.
bool resource_covers(std::string_view granted, std::string_view asked) {
  const std::string_view ending = last_segment(asked);
  const bool asks_restricted =
      asked == ending ? ending != "internal" && is_restricted_word(ending) : ending == "internal";
  if (asks_restricted && last_segment(granted) != ending) return false;
  if (granted == "*" || granted == asked) return true;
  if (asked == "*") return false;
  // As a pattern against a pattern: `*` on the asked side is only covered by `*`.
  return segments_match(granted, asked);
}

}  // namespace

bool allows(const Capability& capability, std::string_view channel, std::string_view operation) {
  return std::any_of(capability.begin(), capability.end(), [&](const auto& entry) {
    return contains(entry.second, operation) && resource_grants(entry.first, channel);
  });
}

Status validate_capability(const Capability& capability) {
  if (capability.size() > kMaxPatterns) {
    return fail(ErrorCode::kTooLarge, "capability: more than 256 resources");
  }
  for (const auto& [resource, operations] : capability) {
    if (auto valid = validate_channel_pattern(resource); !valid) {
      return fail(Error(valid.error()).prefixed("capability"));
    }
    for (const std::string& operation : operations) {
      if (std::find(kOperations.begin(), kOperations.end(), operation) == kOperations.end()) {
        return fail(ErrorCode::kInvalid,
                    "capability: operations are subscribe, publish, presence, history, sla");
      }
    }
  }
  return {};
}

Status check_ceiling(const Capability& asked, const Capability& ceiling) {
  if (ceiling.empty()) return {};
  for (const auto& entry : asked) {
    const std::string& resource = entry.first;
    for (const std::string& operation : entry.second) {
      const bool covered = std::any_of(ceiling.begin(), ceiling.end(), [&](const auto& granted) {
        return contains(granted.second, operation) && resource_covers(granted.first, resource);
      });
      if (covered) continue;
      std::string message = "capability denied: ";
      message.append(operation).append(" on ").append(resource);
      message.append(" is beyond the server key's ceiling");
      return fail(ErrorCode::kDenied, std::move(message));
    }
  }
  return {};
}

}  // namespace deskwire::publishers
