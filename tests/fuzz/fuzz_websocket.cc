// Bytes of a stranger on a WebSocket: frames, then commands of the plain protocol. The same bytes
// in other portions must mean the same.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "publishers/dialects/plain_protocol.h"
#include "publishers/websocket_codec.h"
#include "tests/fuzz/check.h"

namespace {

using namespace deskwire::publishers;

constexpr std::size_t kMaxMessage = 4096;

struct Reading {
  std::vector<std::string> messages;
  std::uint16_t error = 0;
  bool operator==(const Reading&) const = default;
};

Reading read(std::string_view bytes, std::size_t portion) {
  Reading reading;
  MessageParser parser(MessageParser::Sender::kClient, kMaxMessage);
  while (!bytes.empty()) {
    std::string_view input = bytes.substr(0, std::max<std::size_t>(portion, 1));
    bytes.remove_prefix(input.size());
    while (!input.empty()) {
      const auto outcome = parser.feed(input);
      if (outcome == MessageParser::Outcome::kFailed) {
        reading.error = parser.error().code;
        return reading;
      }
      if (outcome == MessageParser::Outcome::kNeedsMore) break;
      const WireMessage message = parser.take();
      DW_CHECK(message.payload.size() <= kMaxMessage);
      reading.messages.push_back(message.payload);
    }
  }
  return reading;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string bytes(data + 1, data + size);
  const Reading whole = read(bytes, bytes.size());
  DW_CHECK(whole == read(bytes, data[0]));
  for (const std::string& message : whole.messages) (void)plain::parse_command(message);
  // Commands are rare among random frames: the bytes once more as one of them.
  if (const auto command = plain::parse_command(bytes)) DW_CHECK(command->id > 0);
  return 0;
}
