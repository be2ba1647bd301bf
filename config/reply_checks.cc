#include <re2/re2.h>

#include <algorithm>
#include <initializer_list>
#include <vector>

#include "config/checks.h"
#include "config/nearest.h"
#include "config/problems.h"

namespace deskwire::config::checks {
namespace {

constexpr std::int64_t kMaxPatternMemory = 1 << 20;

Mistake one_of(std::string_view value, const std::vector<std::string>& known) {
  if (std::find(known.begin(), known.end(), value) != known.end()) return std::nullopt;
  std::string names;
  for (const std::string& name : known) names += (names.empty() ? "" : ", ") + name;
  const auto meant = nearest(value, known);
  return in_quotes(value) + " is not one of " + names +
         (meant ? "; did you mean \"" + *meant + "\"?" : "");
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

Mistake responder(std::string_view value) {
  static const std::vector<std::string> known = {"template", "openai", "http"};
  return one_of(value, known);
}

Mistake pattern(std::string_view value) {
  re2::RE2::Options options(re2::RE2::Quiet);
  options.set_max_mem(kMaxPatternMemory);
  const re2::RE2 compiled(re2::StringPiece(value.data(), value.size()), options);
  if (compiled.ok()) return std::nullopt;
  return in_quotes(value) + " is no RE2 expression: " + compiled.error() +
         "; its syntax is that of Perl without look-around and back-references";
}

Mistake language(std::string_view value) {
  const bool letters = std::all_of(value.begin(), value.end(),
                                   [](char c) { return (c >= 'a' && c <= 'z') || c == '-'; });
  if (letters && value.size() >= 2 && value.size() <= 8) return std::nullopt;
  return in_quotes(value) + " is not a language code; write for example \"en\"";
}

Mistake hand_off_language(std::string_view value) {
  static const std::vector<std::string> known = {"de", "en", "es", "fr", "it", "nl", "pt"};
  auto mistake = one_of(value, known);
  if (mistake) *mistake += "; for another language list the words in replies.hand_off.phrases";
  return mistake;
}

Mistake day_name(std::string_view value) {
  static const std::vector<std::string> known = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
  return one_of(value, known);
}

Mistake time_of_day(std::string_view value) {
  if (value.empty()) return std::nullopt;
  const bool form = value.size() == 5 && value[2] == ':' && is_digit(value[0]) &&
                    is_digit(value[1]) && is_digit(value[3]) && is_digit(value[4]);
  if (form) {
    const int hour = (value[0] - '0') * 10 + (value[1] - '0');
    const int minute = (value[3] - '0') * 10 + (value[4] - '0');
    if ((hour < 24 && minute < 60) || (hour == 24 && minute == 0)) return std::nullopt;
  }
  return in_quotes(value) + " is not a time of day; write for example \"09:00\"";
}

Mistake url_path(std::string_view value) {
  const bool plain = std::all_of(value.begin(), value.end(),
                                 [](char c) { return c > ' ' && c < 0x7F && c != '#'; });
  if (plain && value.starts_with('/')) return std::nullopt;
  return in_quotes(value) + " is not a path; write for example \"/v1/chat/completions\"";
}

}  // namespace deskwire::config::checks
