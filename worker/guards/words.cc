#include "worker/guards/words.h"

#include <algorithm>

namespace deskwire::worker {
namespace {

constexpr std::string_view kEllipsis = "\xE2\x80\xA6";

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

bool starts_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }

/// Letters of other scripts count as letters, but what begins with this byte (dashes, quotes,
/// ellipses: U+2000 and up) does not.
bool is_word_byte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  const bool ascii = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  return ascii || (byte >= 0xC3 && byte <= 0xDF) || (byte >= 0xE3 && byte <= 0xEE);
}

/// The byte that begins the character which ends before `at`.
char lead_before(std::string_view text, std::size_t at) {
  while (at > 0 && !starts_character(text[at - 1])) --at;
  return at > 0 ? text[at - 1] : ' ';
}

std::size_t characters_in(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), starts_character));
}

/// Bytes of the first `count` characters.
std::size_t bytes_of(std::string_view text, std::size_t count) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (starts_character(text[i]) && count-- == 0) return i;
  }
  return text.size();
}

}  // namespace

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

bool holds_phrase(std::string_view text, std::string_view phrase) {
  if (phrase.empty()) return false;
  for (std::size_t at = text.find(phrase); at != std::string_view::npos;
       at = text.find(phrase, at + 1)) {
    const std::size_t end = at + phrase.size();
    const bool begins = !is_word_byte(lead_before(text, at)) || !is_word_byte(phrase.front());
    const bool ends = end == text.size() || !is_word_byte(text[end]);
    if (begins && ends) return true;
  }
  return false;
}

std::string_view phrase_in(std::string_view text, const std::vector<std::string>& phrases) {
  if (phrases.empty()) return {};
  const std::string lowered = lower_case(text);
  for (const std::string& phrase : phrases) {
    if (holds_phrase(lowered, phrase)) return phrase;
  }
  return {};
}

std::string_view cut_bytes(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && !starts_character(text[limit])) --limit;
  return text.substr(0, limit);
}

std::string shortened_middle(std::string_view text, std::size_t limit) {
  const std::size_t characters = characters_in(text);
  if (characters <= limit) return std::string(text);
  const std::size_t head = limit * 2 / 3;
  const std::size_t tail = limit - head;
  const std::size_t tail_from = bytes_of(text, characters - tail);
  return std::string(text.substr(0, bytes_of(text, head))) + " [" + std::string(kEllipsis) + " " +
         std::to_string(characters - limit) + " characters left out " + std::string(kEllipsis) +
         "] " + std::string(text.substr(tail_from));
}

std::string shortened_end(std::string_view text, std::size_t limit) {
  const std::size_t whole = bytes_of(text, limit);
  if (whole == text.size()) return std::string(text);
  std::string_view kept = text.substr(0, bytes_of(text, limit - 1));
  // A sentence's end in the last third is worth what is lost; else the end of a word.
  const std::size_t sentence = kept.find_last_of(".!?\n");
  const std::size_t word = kept.find_last_of(" \n");
  if (sentence != std::string_view::npos && sentence > kept.size() * 2 / 3) {
    kept = kept.substr(0, sentence + 1);
  } else if (word != std::string_view::npos && word > kept.size() / 2) {
    kept = kept.substr(0, word);
  }
  while (!kept.empty() && (kept.back() == ' ' || kept.back() == '\n')) kept.remove_suffix(1);
  return std::string(kept) + std::string(kEllipsis);
}

}  // namespace deskwire::worker
