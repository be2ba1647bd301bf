// A customer's message that may be HTML: nothing that a browser would take for markup gets through.

#include <cstddef>
#include <cstdint>
#include <string>

#include "jobs/plain_content.h"
#include "tests/fuzz/check.h"

namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

void check_no_markup(const std::string& text) {
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    if (text[i] != '<') continue;
    const char next = text[i + 1];
    DW_CHECK(!is_letter(next) && next != '!' && next != '?');
    DW_CHECK(next != '/' || i + 2 >= text.size() || !is_letter(text[i + 2]));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(data, data + size);
  const std::string whole = deskwire::jobs::plain_content(input);
  check_no_markup(whole);
  const std::string cut = deskwire::jobs::plain_content(input, 16);
  DW_CHECK(whole.compare(0, cut.size(), cut) == 0);
  return 0;
}
