#include "worker/context/quoted_mail.h"

#include <re2/re2.h>

#include <vector>

namespace deskwire::worker {
namespace {

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

bool matches(std::string_view line, const re2::RE2& pattern) {
  return re2::RE2::PartialMatch(re2::StringPiece(line.data(), line.size()), pattern);
}

/// The line that mail programs put above what they quote.
bool announces_quote(std::string_view line) {
  static const re2::RE2 wrote(
      "(?i)^(on|am|le|el|il|em|op|den|dnia) .{4,200}"
      "(wrote|schrieb|a \xC3\xA9"
      "crit|escribi\xC3\xB3|ha scritto|escreveu|schreef|skrev|napisa\xC5\x82)"
      ".{0,80}:\\s*$");
  static const re2::RE2 original(
      "(?i)^\\s*-{2,}\\s*(original message|original appointment|forwarded message|"
      "urspr\xC3\xBCngliche nachricht|weitergeleitete nachricht|message d'origine|"
      "mensaje original|messaggio originale|mensagem original|oorspronkelijk bericht)");
  static const re2::RE2 rule("^_{10,}\\s*$");
  return matches(line, wrote) || matches(line, original) || matches(line, rule);
}

/// "From: … / Sent: …" in two lines after each other.
bool begins_header_block(const std::vector<std::string_view>& lines, std::size_t at) {
  static const re2::RE2 from(R"((?i)^\*?(from|von|de|da|van)\*?:\*? .*)");
  static const re2::RE2 next(
      "(?i)^\\*?(sent|date|to|gesendet|datum|an|envoy\xC3\xA9|enviado|para|inviato|verzonden)\\*?"
      ":");
  return matches(lines[at], from) && at + 1 < lines.size() && matches(lines[at + 1], next);
}

}  // namespace

std::string without_quoted_history(std::string_view text) {
  const std::vector<std::string_view> lines = lines_of(text);
  std::string kept;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string_view line = lines[i];
    if (line == "-- " || line == "--" || announces_quote(line) || begins_header_block(lines, i)) {
      break;
    }
    // An announcement that was wrapped: "On … \n … wrote:".
    const bool wrapped = i + 1 < lines.size() && line.size() > 10 &&
                         announces_quote(std::string(line) + " " + std::string(lines[i + 1]));
    if (wrapped) break;
    if (line.starts_with('>')) continue;
    kept += line;
    kept += '\n';
  }
  const std::size_t end = kept.find_last_not_of(" \t\n");
  kept.erase(end == std::string::npos ? 0 : end + 1);
  const std::size_t from = kept.find_first_not_of(" \t\n");
  return kept.empty() ? std::string(text) : kept.substr(from);
}

}  // namespace deskwire::worker
