#include "jobs/html_entities.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

namespace deskwire::jobs {
namespace {

using NamedEntity = std::pair<std::string_view, std::string_view>;

// Sorted by name (bytewise), for the binary search.
constexpr std::array<NamedEntity, 71> kNamed{{
    {"Aacute", "Á"}, {"Agrave", "À"}, {"Aring", "Å"},  {"Auml", "Ä"},   {"Ccedil", "Ç"},
    {"Eacute", "É"}, {"Iacute", "Í"}, {"Ntilde", "Ñ"}, {"Oacute", "Ó"}, {"Oslash", "Ø"},
    {"Ouml", "Ö"},   {"Uacute", "Ú"}, {"Uuml", "Ü"},   {"aacute", "á"}, {"acirc", "â"},
    {"aelig", "æ"},  {"agrave", "à"}, {"amp", "&"},    {"apos", "'"},   {"aring", "å"},
    {"atilde", "ã"}, {"auml", "ä"},   {"bdquo", "„"},  {"bull", "•"},   {"ccedil", "ç"},
    {"cent", "¢"},   {"copy", "©"},   {"deg", "°"},    {"divide", "÷"}, {"eacute", "é"},
    {"ecirc", "ê"},  {"egrave", "è"}, {"emsp", " "},   {"ensp", " "},   {"euml", "ë"},
    {"euro", "€"},   {"gt", ">"},     {"hellip", "…"}, {"iacute", "í"}, {"icirc", "î"},
    {"iexcl", "¡"},  {"iquest", "¿"}, {"iuml", "ï"},   {"laquo", "«"},  {"ldquo", "“"},
    {"lsquo", "‘"},  {"lt", "<"},     {"mdash", "—"},  {"middot", "·"}, {"nbsp", " "},
    {"ndash", "–"},  {"ntilde", "ñ"}, {"oacute", "ó"}, {"ocirc", "ô"},  {"oslash", "ø"},
    {"otilde", "õ"}, {"ouml", "ö"},   {"plusmn", "±"}, {"pound", "£"},  {"quot", "\""},
    {"raquo", "»"},  {"rdquo", "”"},  {"reg", "®"},    {"rsquo", "’"},  {"sect", "§"},
    {"shy", ""},     {"szlig", "ß"},  {"trade", "™"},  {"uacute", "ú"}, {"uuml", "ü"},
    {"zwnj", ""},
}};

constexpr std::size_t kLongestEntity = 12;  // "&#x0010FFFF;"

void append_utf8(std::string& out, std::uint32_t point) {
  const auto byte = [&out](std::uint32_t value) { out += static_cast<char>(value & 0xFFU); };
  if (point < 0x80U) {
    byte(point);
  } else if (point < 0x800U) {
    byte(0xC0U | (point >> 6U));
    byte(0x80U | (point & 0x3FU));
  } else if (point < 0x10000U) {
    byte(0xE0U | (point >> 12U));
    byte(0x80U | ((point >> 6U) & 0x3FU));
    byte(0x80U | (point & 0x3FU));
  } else {
    byte(0xF0U | (point >> 18U));
    byte(0x80U | ((point >> 12U) & 0x3FU));
    byte(0x80U | ((point >> 6U) & 0x3FU));
    byte(0x80U | (point & 0x3FU));
  }
}

/// Value of a digit in `base`, or -1.
int digit_value(char c, int base) {
  if (c >= '0' && c <= '9') return c - '0';
  if (base == 16 && c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (base == 16 && c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// @param digits  What stands between "&#" and ";".
bool decode_numeric(std::string_view digits, std::string& out) {
  const int base = !digits.empty() && (digits[0] == 'x' || digits[0] == 'X') ? 16 : 10;
  if (base == 16) digits.remove_prefix(1);
  if (digits.empty()) return false;
  std::uint32_t point = 0;
  for (const char c : digits) {
    const int value = digit_value(c, base);
    if (value < 0) return false;
    point = point * static_cast<std::uint32_t>(base) + static_cast<std::uint32_t>(value);
    if (point > 0x10FFFFU) return false;
  }
  const bool surrogate = point >= 0xD800U && point <= 0xDFFFU;
  if (surrogate) return false;
  const bool control = (point < 0x20U && point != '\n' && point != '\t') || point == 0x7FU;
  if (!control) append_utf8(out, point == 0xA0U ? ' ' : point);
  return true;
}

}  // namespace

std::size_t decode_entity(std::string_view text, std::string& out) {
  const std::size_t end = text.substr(0, kLongestEntity).find(';');
  if (end == std::string_view::npos || end < 2) return 0;
  const std::string_view name = text.substr(1, end - 1);
  if (name[0] == '#') return decode_numeric(name.substr(1), out) ? end + 1 : 0;
  const auto* found = std::lower_bound(
      kNamed.begin(), kNamed.end(), name,
      [](const NamedEntity& entity, std::string_view wanted) { return entity.first < wanted; });
  if (found == kNamed.end() || found->first != name) return 0;
  out += found->second;
  return end + 1;
}

}  // namespace deskwire::jobs
