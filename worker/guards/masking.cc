#include "worker/guards/masking.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

namespace deskwire::worker {
namespace {

constexpr std::size_t kFewestDigits = 13;
constexpr std::size_t kMostDigits = 19;
constexpr std::string_view kHidden = "[hidden]";

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }
bool joins_digits(char c) { return c == ' ' || c == '-' || c == '.'; }

/// Luhn's check, ISO/IEC 7812-1 annex B.
bool passes_luhn(std::string_view digits) {
  int sum = 0;
  bool doubled = false;
  for (std::size_t i = digits.size(); i-- > 0;) {
    int value = digits[i] - '0';
    if (doubled) value = value * 2 > 9 ? value * 2 - 9 : value * 2;
    sum += value;
    doubled = !doubled;
  }
  return sum % 10 == 0;
}

/// A run of digits with single separators between them.
struct DigitRun {
  std::string digits;
  std::size_t end = 0;
};

DigitRun digit_run(std::string_view text, std::size_t at) {
  DigitRun run{{}, at};
  while (at < text.size()) {
    if (is_digit(text[at])) {
      run.digits += text[at];
      run.end = ++at;
    } else if (joins_digits(text[at]) && at + 1 < text.size() && is_digit(text[at + 1])) {
      ++at;
    } else {
      break;
    }
  }
  return run;
}

bool is_card_number(const std::string& digits) {
  if (digits.size() < kFewestDigits || digits.size() > kMostDigits) return false;
  return digits.find_first_not_of('0') != std::string::npos && passes_luhn(digits);
}

std::string without_cards(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const bool inside_word = at > 0 && is_digit(text[at - 1]);
    if (!is_digit(text[at]) || inside_word) {
      result += text[at++];
      continue;
    }
    const DigitRun run = digit_run(text, at);
    if (is_card_number(run.digits)) {
      result += "[card \xE2\x80\xA6" + run.digits.substr(run.digits.size() - 4) + "]";
    } else {
      result += text.substr(at, run.end - at);
    }
    at = run.end;
  }
  return result;
}

/// Tokens of known forms hold no spaces; a key's text ends at its END line or never.
const re2::RE2& secret_forms() {
  static const re2::RE2 forms(
      "(?s)(-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,30}PRIVATE "
      "KEY-----|\\z))"
      "|\\b((?:sk|pk|rk)[-_](?:live_|test_|proj-|ant-)?[A-Za-z0-9_-]{16,}"
      "|AKIA[A-Z0-9]{16}|ASIA[A-Z0-9]{16}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}"
      "|xox[abprs]-[A-Za-z0-9-]{10,}|AIza[A-Za-z0-9_-]{30,}|glpat-[A-Za-z0-9_-]{16,}"
      "|whsec_[A-Za-z0-9+/=]{16,}|eyJ[A-Za-z0-9_-]{8,}\\.[A-Za-z0-9_-]{8,}\\.[A-Za-z0-9_-]*)",
      re2::RE2::Quiet);
  return forms;
}

/// The word stays, what it announces goes.
const re2::RE2& announced_secret() {
  static const re2::RE2 announced(
      "(?i)\\b(password|passwort|kennwort|passwd|mot de passe|contrase\xC3\xB1"
      "a|senha|wachtwoord"
      "|api[ _-]?key|secret|bearer)([ \\t]{0,3}(?:is|ist|est|es|:|=)[ \\t]{0,3})([^\\s,;]{4,200})",
      re2::RE2::Quiet);
  return announced;
}

/// Where the text's last part begins that may still grow into something to be masked.
std::size_t safe_end(std::string_view text) {
  const std::size_t key = text.rfind("-----BEGIN ");
  if (key != std::string_view::npos) {
    const std::size_t end = text.find("-----END ", key);
    const bool whole = end != std::string_view::npos &&
                       text.find("PRIVATE KEY-----", end) != std::string_view::npos;
    if (!whole) return key;
  }
  // The word that is not over, the numbers and separators before it, and what may announce it.
  std::size_t at = text.size();
  while (at > 0 && !is_space(text[at - 1])) --at;
  static const re2::RE2 unfinished(
      "(?i)(?:(?:password|passwort|kennwort|passwd|mot(?: de(?: passe)?)?|contrase\xC3\xB1"
      "a|senha"
      "|wachtwoord|api(?: key)?|secret|bearer)[ \\t]{0,3}(?:(?:is|ist|est|es|:|=)[ \\t]{0,3})?"
      "|-----BEGIN[A-Z -]{0,60})\\z",
      re2::RE2::Quiet);
  const std::size_t window_from = at > 100 ? at - 100 : 0;
  re2::StringPiece found;
  const re2::StringPiece window(text.data() + window_from, at - window_from);
  if (unfinished.Match(window, 0, window.size(), re2::RE2::UNANCHORED, &found, 1)) {
    at = window_from + static_cast<std::size_t>(found.data() - window.data());
    while (at > 0 && !is_space(text[at - 1])) --at;
  }
  std::size_t digits_from = at;
  while (digits_from > 0 &&
         (is_digit(text[digits_from - 1]) || joins_digits(text[digits_from - 1]))) {
    --digits_from;
  }
  const bool has_digit = std::any_of(text.begin() + static_cast<std::ptrdiff_t>(digits_from),
                                     text.begin() + static_cast<std::ptrdiff_t>(at), is_digit);
  if (!has_digit) return at;
  // The whole word in which the numbers begin, so that both ways of masking see the same words.
  while (digits_from > 0 && !is_space(text[digits_from - 1])) --digits_from;
  return digits_from;
}

/// Of a part that nothing reaches into or out of.
std::string masked_part(std::string_view text) {
  std::string result = without_cards(text);
  re2::RE2::GlobalReplace(&result, secret_forms(), std::string(kHidden));
  re2::RE2::GlobalReplace(&result, announced_secret(), "\\1\\2" + std::string(kHidden));
  return result;
}

}  // namespace

std::string masked(std::string_view text) {
  StreamMask mask;
  std::string shown = mask.add(text);
  return shown + mask.end();
}

std::string StreamMask::add(std::string_view text) {
  std::string shown;
  while (!text.empty()) {
    // Word by word, so that what is shown does not depend on how the text was cut.
    const std::string_view piece = text.substr(0, kMaxHeld - held_.size());
    const std::size_t space = piece.find_first_of(" \n\t\r");
    const std::size_t taken = space == std::string_view::npos ? piece.size() : space + 1;
    held_ += piece.substr(0, taken);
    text.remove_prefix(taken);
    std::size_t ready = space == std::string_view::npos ? 0 : safe_end(held_);
    if (ready == 0 && held_.size() == kMaxHeld) {
      // All but the last character, which may not be whole yet.
      ready = held_.size() - 1;
      while (ready > 0 && (static_cast<unsigned char>(held_[ready]) & 0xC0U) == 0x80U) --ready;
      if (ready == 0) ready = held_.size();
    }
    if (ready == 0) continue;
    shown += masked_part(std::string_view(held_).substr(0, ready));
    held_.erase(0, ready);
  }
  return shown;
}

std::string StreamMask::end() { return masked_part(std::exchange(held_, {})); }

}  // namespace deskwire::worker
