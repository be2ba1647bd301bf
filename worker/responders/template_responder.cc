#include "worker/responders/template_responder.h"

#include <re2/re2.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

#include "worker/guards/local_time.h"
#include "worker/guards/words.h"

namespace deskwire::worker {

struct TemplateResponder::Rule {
  config::ReplyRule settings;  ///< Texts to look for in lower case.
  std::unique_ptr<const re2::RE2> pattern;
};

namespace {

constexpr std::string_view kDefaultReply =
    "Hello {name}, thank you for your message. You wrote: \"{content}\". We will look into it.";
constexpr std::size_t kMaxQuotedCharacters = 1000;
constexpr std::size_t kMaxValueCharacters = 200;
constexpr std::string_view kAttribute = "attribute.";

std::string shortened(std::string_view text, std::size_t limit) {
  std::size_t characters = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool starts_character = (static_cast<unsigned char>(text[i]) & 0xC0U) != 0x80U;
    if (starts_character && ++characters > limit) {
      return std::string(text.substr(0, i)) + "\xE2\x80\xA6";
    }
  }
  return std::string(text);
}

/// A value that somebody else chose: one line of it.
std::string one_line(std::string_view text) {
  return shortened(text.substr(0, text.find('\n')), kMaxValueCharacters);
}

/// What a placeholder stands for; nullopt: it is none.
std::optional<std::string> value_of(std::string_view name, const ReplyContext& context,
                                    const LocalTime& now) {
  if (name == "name") {
    return context.contact_name.empty() ? "there" : one_line(context.contact_name);
  }
  if (name == "content") return shortened(context.content, kMaxQuotedCharacters);
  if (name == "persona") return context.persona;
  if (name == "language") return context.language;
  if (name == "date") return now.date;
  if (name == "time") return now.time;
  if (!name.starts_with(kAttribute)) return std::nullopt;
  const auto found = context.attributes.find(std::string(name.substr(kAttribute.size())));
  return found == context.attributes.end() ? std::string() : one_line(found->second);
}

/// One pass, so that placeholders in what the customer wrote stay as they are.
std::string filled(std::string_view text, const ReplyContext& context, const LocalTime& now) {
  std::string result;
  while (!text.empty()) {
    const std::size_t open = text.find('{');
    result += text.substr(0, open);
    if (open == std::string_view::npos) break;
    text.remove_prefix(open);
    const std::size_t close = text.find('}');
    const auto value = close == std::string_view::npos
                           ? std::nullopt
                           : value_of(text.substr(1, close - 1), context, now);
    result += value ? *value : "{";
    text.remove_prefix(value ? close + 1 : 1);
  }
  return result;
}

bool holds_any(const std::vector<std::string>& wanted, const std::vector<std::string>& given) {
  return std::any_of(wanted.begin(), wanted.end(), [&given](const std::string& one) {
    return std::find(given.begin(), given.end(), one) != given.end();
  });
}

bool fits(const config::ReplyRule& rule, const re2::RE2* pattern, const ReplyContext& context,
          const std::string& message, const LocalTime& now) {
  if (message.find(rule.contains) == std::string::npos) return false;
  const auto& phrases = rule.phrases;
  const bool phrase_found =
      phrases.empty() || std::any_of(phrases.begin(), phrases.end(), [&](const std::string& one) {
        return holds_phrase(message, one);
      });
  if (!phrase_found) return false;
  if (pattern != nullptr && !re2::RE2::PartialMatch(context.content, *pattern)) return false;
  if (!rule.labels.empty() && !holds_any(rule.labels, context.labels)) return false;
  if (!rule.languages.empty() && !holds_any(rule.languages, {context.language})) return false;
  return (rule.days.empty() && rule.from.empty()) || is_within(now, rule.days, rule.from, rule.to);
}

}  // namespace

TemplateResponder::TemplateResponder(const std::vector<config::ReplyRule>& rules,
                                     std::string time_zone)
    : time_zone_(std::move(time_zone)) {
  for (const config::ReplyRule& rule : rules) {
    auto made = std::make_unique<Rule>();
    made->settings = rule;
    made->settings.contains = lower_case(rule.contains);
    for (std::string& phrase : made->settings.phrases) phrase = lower_case(phrase);
    if (!rule.pattern.empty()) {
      made->pattern = std::make_unique<const re2::RE2>(rule.pattern, re2::RE2::Quiet);
    }
    rules_.push_back(std::move(made));
  }
}

TemplateResponder::~TemplateResponder() = default;

Result<Answer> TemplateResponder::reply(const ReplyContext& context, DraftSink& /*draft*/,
                                        Cancellation& /*cancellation*/) {
  const std::string message = lower_case(context.content);
  const LocalTime now = local_time(context.now_ms, time_zone_);
  Answer answer;
  for (const auto& rule : rules_) {
    if (!fits(rule->settings, rule->pattern.get(), context, message, now)) continue;
    answer.text = filled(rule->settings.reply, context, now);
    if (answer.text.empty()) {
      return fail(ErrorCode::kInvalid, "template reply: the rule's reply is empty");
    }
    return answer;
  }
  answer.text = filled(kDefaultReply, context, now);
  return answer;
}

}  // namespace deskwire::worker
