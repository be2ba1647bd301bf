#include "worker/responders/template_responder.h"

#include <cstddef>
#include <string_view>
#include <utility>

namespace deskwire::worker {
namespace {

constexpr std::string_view kDefaultReply =
    "Hello {name}, thank you for your message. You wrote: \"{content}\". We will look into it.";
constexpr std::size_t kMaxQuotedCharacters = 1000;

/// Lower case of one two-byte UTF-8 letter; anything else stays as it is.
void lower_two_bytes(unsigned char& lead, unsigned char& trail) {
  unsigned code = ((lead & 0x1FU) << 6U) | (trail & 0x3FU);
  const bool latin1 = code >= 0xC0 && code <= 0xDE && code != 0xD7;
  const bool greek = code >= 0x391 && code <= 0x3A9;
  const bool cyrillic = code >= 0x410 && code <= 0x42F;
  if (latin1 || greek || cyrillic) code += 0x20;
  if (code >= 0x400 && code <= 0x40F) code += 0x50;
  lead = static_cast<unsigned char>(0xC0U | (code >> 6U));
  trail = static_cast<unsigned char>(0x80U | (code & 0x3FU));
}

std::string lower_case(std::string_view text) {
  std::string lowered(text);
  for (std::size_t i = 0; i < lowered.size(); ++i) {
    auto byte = static_cast<unsigned char>(lowered[i]);
    if (byte >= 'A' && byte <= 'Z') lowered[i] = static_cast<char>(byte + ('a' - 'A'));
    const bool two_bytes = byte >= 0xC3 && byte <= 0xD1 && i + 1 < lowered.size();
    if (!two_bytes) continue;
    auto trail = static_cast<unsigned char>(lowered[i + 1]);
    lower_two_bytes(byte, trail);
    lowered[i] = static_cast<char>(byte);
    lowered[++i] = static_cast<char>(trail);
  }
  return lowered;
}

std::string shortened(std::string_view text) {
  std::size_t characters = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool starts_character = (static_cast<unsigned char>(text[i]) & 0xC0U) != 0x80U;
    if (starts_character && ++characters > kMaxQuotedCharacters) {
      return std::string(text.substr(0, i)) + "\xE2\x80\xA6";
    }
  }
  return std::string(text);
}

/// One pass, so that placeholders in what the customer wrote stay as they are.
std::string filled(std::string_view text, const ReplyContext& context) {
  constexpr std::string_view kName = "{name}";
  constexpr std::string_view kContent = "{content}";
  std::string result;
  while (!text.empty()) {
    if (text.starts_with(kName)) {
      result += context.contact_name.empty() ? "there" : context.contact_name;
      text.remove_prefix(kName.size());
    } else if (text.starts_with(kContent)) {
      result += shortened(context.content);
      text.remove_prefix(kContent.size());
    } else {
      result += text.front();
      text.remove_prefix(1);
    }
  }
  return result;
}

}  // namespace

TemplateResponder::TemplateResponder(std::vector<config::ReplyRule> rules)
    : rules_([&rules] {
        for (auto& rule : rules) rule.contains = lower_case(rule.contains);
        return std::move(rules);
      }()) {}

Result<std::string> TemplateResponder::reply(const ReplyContext& context,
                                             Cancellation& /*cancellation*/) {
  const std::string message = lower_case(context.content);
  for (const auto& rule : rules_) {
    if (message.find(rule.contains) == std::string::npos) continue;
    std::string text = filled(rule.reply, context);
    if (text.empty()) {
      return fail(ErrorCode::kInvalid, "template reply: the rule's reply is empty");
    }
    return text;
  }
  return filled(kDefaultReply, context);
}

}  // namespace deskwire::worker
