#include "publishers/websocket_codec.h"

#include <optional>
#include <string>
#include <vector>

#include "publishers/websocket_handshake.h"
#include "tests/support/catch.h"

using namespace deskwire;
using namespace deskwire::publishers;

namespace {

constexpr std::uint32_t kMask = 0x37FA213D;

struct Read {
  std::vector<WireMessage> messages;
  std::uint16_t error = 0;
};

Read read_in_portions(std::string_view bytes, std::size_t portion,
                      MessageParser::Sender sender = MessageParser::Sender::kClient,
                      std::size_t limit = 65536) {
  MessageParser parser(sender, limit);
  Read read;
  while (!bytes.empty()) {
    std::string_view input = bytes.substr(0, portion);
    bytes.remove_prefix(input.size());
    for (;;) {
      const auto outcome = parser.feed(input);
      if (outcome == MessageParser::Outcome::kFailed) {
        read.error = parser.error().code;
        return read;
      }
      if (outcome == MessageParser::Outcome::kNeedsMore) break;
      read.messages.push_back(parser.take());
    }
  }
  return read;
}

/// All at once and byte by byte must mean the same.
Read read(std::string_view bytes, std::size_t limit = 65536) {
  Read whole = read_in_portions(bytes, bytes.size(), MessageParser::Sender::kClient, limit);
  const Read single = read_in_portions(bytes, 1, MessageParser::Sender::kClient, limit);
  CHECK(whole.error == single.error);
  CHECK(whole.messages.size() == single.messages.size());
  return whole;
}

/// A masked frame with any first byte.
std::string frame(unsigned first_byte, std::string_view payload) {
  std::string bytes = make_masked_frame(Opcode::kText, payload, kMask);
  bytes[0] = static_cast<char>(first_byte);
  return bytes;
}

std::string close_frame(std::string_view payload) { return frame(0x88, payload); }

}  // namespace

TEST_CASE("the text frame of RFC 6455 section 5.7 is read and written", "[websocket]") {
  const std::string masked("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11);
  const Read got = read(masked);
  REQUIRE(got.messages.size() == 1);
  CHECK(got.messages[0].opcode == Opcode::kText);
  CHECK(got.messages[0].payload == "Hello");
  CHECK(make_masked_frame(Opcode::kText, "Hello", kMask) == masked);
  CHECK(make_frame(Opcode::kText, "Hello") == std::string("\x81\x05Hello", 7));
}

TEST_CASE("fragments are joined, with control frames between them", "[websocket]") {
  const Read got = read(frame(0x01, "Hel") + frame(0x89, "are you there") + frame(0x00, "l") +
                        frame(0x80, "o") + frame(0x82, std::string("\x00\xff", 2)));
  REQUIRE(got.messages.size() == 3);
  CHECK(got.messages[0].opcode == Opcode::kPing);
  CHECK(got.messages[0].payload == "are you there");
  CHECK(got.messages[1].payload == "Hello");
  CHECK(got.messages[2].opcode == Opcode::kBinary);
  CHECK(got.messages[2].payload.size() == 2);
}

TEST_CASE("payloads around the borders of the three length forms survive", "[websocket]") {
  for (const std::size_t size : {0U, 1U, 125U, 126U, 127U, 65535U, 65536U, 70000U}) {
    const std::string payload(size, 'x');
    const Read got = read_in_portions(make_masked_frame(Opcode::kText, payload, kMask), 1000,
                                      MessageParser::Sender::kClient, 100000);
    REQUIRE(got.messages.size() == 1);
    CHECK(got.messages[0].payload == payload);
    const Read back = read_in_portions(make_frame(Opcode::kText, payload), 1000,
                                       MessageParser::Sender::kServer, 100000);
    REQUIRE(back.messages.size() == 1);
    CHECK(back.messages[0].payload == payload);
  }
}

TEST_CASE("frames that the protocol forbids are refused with 1002", "[websocket]") {
  const std::string hello = "Hello";
  CHECK(read(frame(0xC1, hello)).error == 1002);  // Reserved bits.
  CHECK(read(frame(0xA1, hello)).error == 1002);
  CHECK(read(frame(0x91, hello)).error == 1002);
  for (const unsigned opcode : {3U, 4U, 5U, 6U, 7U, 11U, 12U, 13U, 14U, 15U}) {
    CHECK(read(frame(0x80U | opcode, hello)).error == 1002);
  }
  CHECK(read(make_frame(Opcode::kText, hello)).error == 1002);  // Not masked.
  CHECK(read_in_portions(make_masked_frame(Opcode::kText, hello, kMask), 99,
                         MessageParser::Sender::kServer)
            .error == 1002);
  CHECK(read(frame(0x09, "")).error == 1002);                     // Fragmented ping.
  CHECK(read(frame(0x89, std::string(126, 'x'))).error == 1002);  // Long ping.
  CHECK(read(frame(0x80, hello)).error == 1002);                  // Continuation of nothing.
  CHECK(read(frame(0x01, hello) + frame(0x81, hello)).error == 1002);
  CHECK(read(std::string("\x81\xfe\x00\x05", 4) + "mask" + hello).error == 1002);
  CHECK(read(std::string("\x81\xff\x00\x00\x00\x00\x00\x00\x00\x05", 10) + "mask").error == 1002);
  CHECK(read(std::string("\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00", 10) + "mask").error == 1002);
}

TEST_CASE("a message over the limit is refused with 1009 before its bytes are kept",
          "[websocket]") {
  CHECK(read(frame(0x81, std::string(100, 'x')), 100).messages.size() == 1);
  CHECK(read(frame(0x81, std::string(101, 'x')), 100).error == 1009);
  CHECK(read(frame(0x01, std::string(60, 'x')) + frame(0x80, std::string(41, 'x')), 100).error ==
        1009);
  // Only the header is there: the length alone decides.
  CHECK(read(std::string("\x81\xff\x00\x00\x00\xff\x00\x00\x00\x00", 10) + "mask").error == 1009);
}

TEST_CASE("text that is not UTF-8 is refused with 1007, also across fragments", "[websocket]") {
  const std::string kappa = "\xce\xba";
  CHECK(read(frame(0x01, kappa.substr(0, 1)) + frame(0x80, kappa.substr(1))).messages.size() == 1);
  CHECK(read(frame(0x01, kappa.substr(0, 1)) + frame(0x80, "x")).error == 1007);
  CHECK(read(frame(0x81, kappa.substr(0, 1))).error == 1007);
  for (const std::string_view bad :
       {"\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff",
        "\x80", "\xc3\x28", "\xf8\x88\x80\x80\x80"}) {
    CHECK(read(frame(0x81, bad)).error == 1007);
  }
  for (const std::string_view good :
       {"\xed\x9f\xbf", "\xee\x80\x80", "\xf4\x8f\xbf\xbf", "\xf0\x90\x80\x80", "\xc2\x80",
        "a longer text with \xe2\x82\xac and \xf0\x9f\x98\x80 inside"}) {
    CHECK(read(frame(0x81, good)).messages.size() == 1);
  }
  CHECK(read(frame(0x82, "\xff")).error == 0);  // Binary may be anything.
}

TEST_CASE("bad text is refused at the first bad byte, not at the message's end", "[websocket]") {
  const std::string whole = frame(0x81, std::string("ab\xff") + std::string(100, 'x'));
  CHECK(read_in_portions(whole.substr(0, 9), 1).error == 1007);
}

TEST_CASE("close frames carry a valid code and reason or are refused", "[websocket]") {
  const auto code_of = [](const std::string& bytes) {
    const Read got = read(bytes);
    return got.error != 0 ? -int{got.error} : int{got.messages.at(0).close_code};
  };
  CHECK(code_of(close_frame("")) == 1005);
  CHECK(code_of(close_frame("x")) == -1002);
  CHECK(code_of(close_frame(close_payload(1000, "bye"))) == 1000);
  for (const int code : {1001, 1002, 1003, 1007, 1011, 3000, 3999, 4000, 4999}) {
    CHECK(code_of(close_frame(close_payload(static_cast<std::uint16_t>(code), ""))) == code);
  }
  for (const int code : {0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65535}) {
    CHECK(code_of(close_frame(close_payload(static_cast<std::uint16_t>(code), ""))) == -1002);
  }
  CHECK(code_of(close_frame(std::string("\x03\xe8\xff", 3))) == -1007);
}

TEST_CASE("every number is a valid close code or not, as the registry says", "[websocket]") {
  int valid = 0;
  for (unsigned code = 0; code <= 65535; ++code) {
    const bool registered =
        code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
    const bool expected = registered || (code >= 3000 && code <= 4999);
    if (is_valid_close_code(static_cast<std::uint16_t>(code)) != expected) FAIL("code " << code);
    valid += expected ? 1 : 0;
  }
  CHECK(valid == 12 + 2000);
}

TEST_CASE("a long close reason is cut on a character's border", "[websocket]") {
  const std::string reason = std::string(122, 'x') + "\xe2\x82\xac";
  CHECK(close_payload(4008, reason).size() == 2 + 122);
  CHECK(close_payload(4008, std::string(200, 'x')).size() == 125);
}

TEST_CASE("after an error nothing more is read", "[websocket]") {
  MessageParser parser(MessageParser::Sender::kClient, 100);
  const std::string bytes = frame(0x83, "") + frame(0x81, "fine");
  std::string_view input = bytes;
  CHECK(parser.feed(input) == MessageParser::Outcome::kFailed);
  CHECK(parser.feed(input) == MessageParser::Outcome::kFailed);
}

TEST_CASE("the handshake of RFC 6455 section 1.3 is accepted", "[websocket]") {
  net::HttpRequest request;
  request.method = "GET";
  request.target = "/v1/ws";
  request.headers = {{"Host", "localhost"},
                     {"Upgrade", "WebSocket"},
                     {"Connection", "keep-alive, Upgrade"},
                     {"Sec-WebSocket-Version", "13"},
                     {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}};
  const Handshake handshake = check_handshake(request);
  CHECK(handshake.status == 101);
  CHECK(handshake.response.find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n") !=
        std::string::npos);
  CHECK(handshake.response.ends_with("\r\n\r\n"));

  SECTION("another method") {
    request.method = "POST";
    CHECK(check_handshake(request).status == 405);
  }
  SECTION("another version") {
    request.headers[3].second = "8";
    CHECK(check_handshake(request).status == 426);
  }
  SECTION("no upgrade in Connection") {
    request.headers[2].second = "keep-alive";
    CHECK(check_handshake(request).status == 400);
  }
  SECTION("a key of the wrong length") {
    request.headers[4].second = "c2hvcnQ=";
    CHECK(check_handshake(request).status == 400);
  }
  SECTION("two keys") {
    request.headers.emplace_back("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    CHECK(check_handshake(request).status == 400);
  }
}
