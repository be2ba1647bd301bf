// Bytes of a stranger on any door: heads, bodies, chunks, pipelined requests.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/net/http_parser.h"
#include "tests/fuzz/check.h"

namespace {

using deskwire::net::HttpParser;

constexpr std::size_t kMaxBody = 4096;

/// Feeds what is left of `bytes` to one step of the parser, portion by portion, as a connection
/// would. Returns false when the request cannot be taken any further.
template <typename Step>
bool run(Step step, std::string_view& bytes, std::size_t portion) {
  std::size_t offered = 0;
  for (;;) {
    offered = std::min(bytes.size(), offered + portion);
    std::size_t consumed = 0;
    const auto progress = step(bytes.substr(0, offered), consumed);
    DW_CHECK(consumed <= offered);
    const bool all_offered = offered == bytes.size();
    bytes.remove_prefix(consumed);
    offered -= consumed;
    if (progress == HttpParser::Progress::kDone) return true;
    if (progress == HttpParser::Progress::kRefused) return false;
    if (all_offered) return false;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t portion = std::size_t{data[0]} + 1;
  const std::string input(data + 1, data + size);
  std::string_view bytes = input;
  HttpParser parser({2048, kMaxBody});
  while (!bytes.empty()) {
    parser.reset();
    const auto head = [&](std::string_view unread, std::size_t& consumed) {
      return parser.take_head(unread, consumed);
    };
    const auto body = [&](std::string_view unread, std::size_t& consumed) {
      return parser.take_body(unread, consumed);
    };
    if (!run(head, bytes, portion)) break;
    if (parser.head().has_body && !run(body, bytes, portion)) break;
    DW_CHECK(parser.request().body.size() <= kMaxBody);
  }
  return 0;
}
