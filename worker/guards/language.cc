#include "worker/guards/language.h"

#include <cld2/public/compact_lang_det.h>

#include <algorithm>
#include <array>

#include "worker/guards/words.h"

namespace deskwire::worker {
namespace {

constexpr std::size_t kEnoughBytes = 2000;
constexpr std::size_t kFewestBytes = 20;
constexpr int kFewestPercent = 80;

}  // namespace

std::string language_of(std::string_view text) {
  text = cut_bytes(text, kEnoughBytes);
  if (text.size() < kFewestBytes) return {};
  std::array<CLD2::Language, 3> languages{};
  std::array<int, 3> percent{};
  int text_bytes = 0;
  bool reliable = false;
  CLD2::DetectLanguageSummary(text.data(), static_cast<int>(text.size()), true, languages.data(),
                              percent.data(), &text_bytes, &reliable);
  if (!reliable || languages[0] == CLD2::UNKNOWN_LANGUAGE || percent[0] < kFewestPercent) return {};
  std::string code = CLD2::LanguageCode(languages[0]);
  return code.substr(0, code.find('-'));
}

bool languages_differ(std::string_view a, std::string_view b) {
  static constexpr std::array<std::array<std::string_view, 4>, 4> kAlike{
      {{"no", "nb", "nn", "da"},
       {"hr", "sr", "bs", "sr"},
       {"id", "ms", "id", "ms"},
       {"pt", "gl", "es", "ca"}}};
  if (a.empty() || b.empty() || a == b) return false;
  const auto holds = [](const auto& group, std::string_view code) {
    return std::find(group.begin(), group.end(), code) != group.end();
  };
  return std::none_of(kAlike.begin(), kAlike.end(),
                      [&](const auto& group) { return holds(group, a) && holds(group, b); });
}

}  // namespace deskwire::worker
