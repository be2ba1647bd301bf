// A config file with anything in it.

#include <cstddef>
#include <cstdint>
#include <string>

#include "config/load.h"
#include "tests/fuzz/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  const auto config = deskwire::config::parse(text, "/nonexistent");
  // What was accepted can be shown, and what was refused says why.
  if (config) {
    DW_CHECK(!deskwire::config::show(*config).empty());
  } else {
    DW_CHECK(!config.error().message.empty());
  }
  return 0;
}
