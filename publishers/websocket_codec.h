#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "publishers/utf8.h"

namespace deskwire::publishers {

/// RFC 6455 §5.2.
enum class Opcode : std::uint8_t {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10
};

/// A whole message (fragments joined) or one control frame.
struct WireMessage {
  Opcode opcode = Opcode::kText;
  std::string payload;           ///< kClose: the reason only.
  std::uint16_t close_code = 0;  ///< kClose: 1005 when the peer gave none.
};

/// Why a connection must be closed, as the code of its close frame (RFC 6455 §7.4).
struct WireError {
  std::uint16_t code = 0;
  std::string_view reason;
};

/// Reads RFC 6455 frames from bytes as they come. No extensions: a reserved bit is an error.
///
/// Refuses with 1002: reserved bits or opcodes, wrong masking, fragmented or long control frames,
/// continuations out of place, lengths that are not the shortest form, bad close payloads; with
/// 1007: text or close reasons that are not UTF-8, at the first bad byte; with 1009: messages over
/// the limit, before their bytes are kept.
///
/// Holds no buffer between messages. Not thread-safe.
class MessageParser {
 public:
  /// Who sends the bytes: clients must mask, servers must not (§5.1).
  enum class Sender : std::uint8_t { kClient, kServer };
  enum class Outcome : std::uint8_t { kNeedsMore, kMessage, kFailed };

  MessageParser(Sender sender, std::size_t max_message_bytes)
      : sender_(sender), max_message_bytes_(max_message_bytes) {}

  /// Consumes from the front of `input`, at most to the end of the first complete message.
  Outcome feed(std::string_view& input);
  /// The message, after kMessage.
  WireMessage take();
  /// The reason, after kFailed. From then on feed() answers kFailed.
  const WireError& error() const { return error_; }

 private:
  bool take_header(std::string_view& input);
  bool check_first_bytes();
  bool check_length();
  bool take_payload(std::string_view& input);
  bool finish_frame();
  bool finish_close();
  bool refuse(std::uint16_t code, std::string_view reason);
  bool is_control() const { return (static_cast<std::uint8_t>(opcode_) & 8U) != 0; }

  Sender sender_;
  std::size_t max_message_bytes_;
  std::array<std::uint8_t, 14> header_{};
  std::size_t header_have_ = 0;
  std::size_t header_need_ = 2;
  bool in_payload_ = false;
  bool final_ = false;
  bool fragmented_ = false;             ///< A data message has begun and is not finished.
  bool ready_ = false;                  ///< message_ is complete.
  Opcode opcode_ = Opcode::kText;       ///< Of the current frame.
  Opcode data_opcode_ = Opcode::kText;  ///< Of the current data message.
  std::uint64_t remaining_ = 0;
  std::size_t mask_at_ = 0;
  std::array<char, 4> mask_{};
  std::string data_;     ///< Payload of the data message so far.
  std::string control_;  ///< Payload of the control frame so far.
  Utf8Checker utf8_;
  WireMessage message_;
  WireError error_;
};

/// Appends an unmasked frame header for a payload of `size` bytes.
void append_frame_header(std::string& out, Opcode opcode, std::size_t size);
/// A whole unmasked frame, as a server sends it.
std::string make_frame(Opcode opcode, std::string_view payload);
/// A whole masked frame, as a client sends it.
std::string make_masked_frame(Opcode opcode, std::string_view payload, std::uint32_t mask);
/// The payload of a close frame; the reason is cut at 123 bytes, on a character's border.
std::string close_payload(std::uint16_t code, std::string_view reason);
/// Whether a peer may send this code in a close frame (§7.4.1, §7.4.2 and IANA's registry).
bool is_valid_close_code(std::uint16_t code);

}  // namespace deskwire::publishers
