#include "core/channel.h"

#include <algorithm>

#include "core/hash.h"
#include "core/ids.h"

namespace deskwire {
namespace {

constexpr std::string_view kConversationPrefix = "conversation:";
constexpr std::string_view kInternalSuffix = ":internal";
constexpr std::size_t kMaxIdLength = 64;
constexpr std::size_t kMaxChannelLength = 200;
constexpr std::size_t kHashedIdLength = 26;

bool is_word_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool is_id_character(char c) { return is_word_character(c) || c == '_' || c == '.' || c == '-'; }

bool is_safe_id(std::string_view id) {
  if (id.empty() || id.size() > kMaxIdLength) return false;
  for (const char c : id) {
    if (!is_id_character(c)) return false;
  }
  return true;
}

}  // namespace

std::string channel_safe_id(std::string_view id) {
  if (is_safe_id(id)) return std::string(id);
  return "h-" + base32_encode(sha256(id)).substr(0, kHashedIdLength);
}

std::string conversation_key(std::string_view name_space, std::string_view id) {
  std::string key = channel_safe_id(id);
  if (!name_space.empty()) key.insert(0, std::string(name_space) + "~");
  return key;
}

std::string conversation_channel(std::string_view key) {
  return std::string(kConversationPrefix).append(key);
}

std::string internal_channel(std::string_view key) {
  return std::string(kConversationPrefix).append(key).append(kInternalSuffix);
}

std::string_view conversation_of(std::string_view channel) {
  if (!channel.starts_with(kConversationPrefix)) return {};
  channel.remove_prefix(kConversationPrefix.size());
  if (channel.ends_with(kInternalSuffix)) channel.remove_suffix(kInternalSuffix.size());
  // conversation:1:anything else is a channel of its own, not of conversation 1.
  if (channel.find(':') != std::string_view::npos) return {};
  return channel;
}

bool is_restricted_channel(std::string_view channel) {
  return channel.ends_with(kInternalSuffix) || channel == "agents" || channel == "oncall" ||
         channel == "ops";
}

Status validate_channel(std::string_view channel) {
  if (channel.empty() || channel.size() > kMaxChannelLength) {
    return fail(ErrorCode::kInvalid, "channel: the name has " + std::to_string(channel.size()) +
                                         " bytes; 1..200 are possible");
  }
  char previous = ':';
  for (const char c : channel) {
    if (c == ':' && previous == ':') {
      return fail(ErrorCode::kInvalid, "channel: a segment between ':' is empty");
    }
    if (c != ':' && c != '~' && !is_id_character(c)) {
      return fail(ErrorCode::kInvalid,
                  "channel: only letters, digits, '_', '.', '-', '~' and ':' are possible");
    }
    previous = c;
  }
  if (previous == ':') return fail(ErrorCode::kInvalid, "channel: the name ends with ':'");
  return {};
}

Status validate_channel_pattern(std::string_view pattern) {
  std::string name(pattern);
  std::replace(name.begin(), name.end(), '*', 'x');
  if (Status valid = validate_channel(name); !valid) return valid;
  for (std::size_t at = pattern.find('*'); at != std::string_view::npos;
       at = pattern.find('*', at + 1)) {
    const bool begins = at == 0 || pattern[at - 1] == ':';
    const bool ends = at + 1 == pattern.size() || pattern[at + 1] == ':';
    if (!begins || !ends) {
      return fail(ErrorCode::kInvalid, "channel: * stands for one whole segment only");
    }
  }
  return {};
}

int shard_of_lane(std::string_view conversation_key) {
  return static_cast<int>(crc16(conversation_key) % kShardCount);
}

int shard_of_channel(std::string_view channel) {
  const std::string_view conversation = conversation_of(channel);
  return shard_of_lane(conversation.empty() ? channel : conversation);
}

}  // namespace deskwire
