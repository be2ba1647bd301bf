#include "publishers/websocket_codec.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace deskwire::publishers {

namespace {

constexpr std::size_t kMaxControlPayload = 125;
constexpr std::uint16_t kProtocolError = 1002;
constexpr std::uint16_t kNoStatus = 1005;
constexpr std::uint16_t kBadText = 1007;
constexpr std::uint16_t kTooBig = 1009;

void unmask(std::string& target, std::string_view bytes, const std::array<char, 4>& mask,
            std::size_t& mask_at) {
  std::size_t at = target.size();
  target.append(bytes);
  // Eight bytes at a time: two turns of the mask, which so stands where it stood before.
  std::array<char, 8> turned{};
  for (std::size_t i = 0; i < turned.size(); ++i) turned[i] = mask[(mask_at + i) & 3U];
  std::uint64_t wide_mask = 0;
  std::memcpy(&wide_mask, turned.data(), sizeof wide_mask);
  for (; target.size() - at >= sizeof wide_mask; at += sizeof wide_mask) {
    std::uint64_t block = 0;
    std::memcpy(&block, target.data() + at, sizeof block);
    block ^= wide_mask;
    std::memcpy(target.data() + at, &block, sizeof block);
  }
  for (; at < target.size(); ++at) {
    target[at] = static_cast<char>(target[at] ^ mask[mask_at]);
    mask_at = (mask_at + 1) & 3U;
  }
}

}  // namespace

bool is_valid_close_code(std::uint16_t code) {
  if (code >= 3000) return code <= 4999;
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

bool MessageParser::refuse(std::uint16_t code, std::string_view reason) {
  error_ = WireError{code, reason};
  data_ = {};
  control_ = {};
  return false;
}

MessageParser::Outcome MessageParser::feed(std::string_view& input) {
  if (error_.code != 0) return Outcome::kFailed;
  while (!ready_) {
    if (!in_payload_) {
      if (!take_header(input)) return Outcome::kFailed;
      if (!in_payload_) return Outcome::kNeedsMore;
    }
    if (!take_payload(input)) return Outcome::kFailed;
    if (in_payload_) return Outcome::kNeedsMore;
  }
  return Outcome::kMessage;
}

WireMessage MessageParser::take() {
  ready_ = false;
  return std::exchange(message_, {});
}

bool MessageParser::take_header(std::string_view& input) {
  while (header_have_ < header_need_) {
    if (input.empty()) return true;
    header_[header_have_++] = static_cast<std::uint8_t>(input.front());
    input.remove_prefix(1);
    if (header_have_ == 2 && !check_first_bytes()) return false;
  }
  return check_length();
}

bool MessageParser::check_first_bytes() {
  final_ = (header_[0] & 0x80U) != 0;
  if ((header_[0] & 0x70U) != 0) return refuse(kProtocolError, "reserved bit set");
  const unsigned opcode = header_[0] & 0x0FU;
  if ((opcode > 2 && opcode < 8) || opcode > 10) {
    return refuse(kProtocolError, "reserved opcode");
  }
  opcode_ = static_cast<Opcode>(opcode);
  const bool masked = (header_[1] & 0x80U) != 0;
  if (masked != (sender_ == Sender::kClient)) {
    return refuse(kProtocolError, masked ? "masked server frame" : "unmasked client frame");
  }
  const unsigned length = header_[1] & 0x7FU;
  if (is_control()) {
    if (!final_) return refuse(kProtocolError, "fragmented control frame");
    if (length > kMaxControlPayload) return refuse(kProtocolError, "control frame too long");
  } else if ((opcode_ == Opcode::kContinuation) != fragmented_) {
    return refuse(kProtocolError,
                  fragmented_ ? "message inside a message" : "continuation of nothing");
  }
  const std::size_t extended = length == 126 ? 2 : length == 127 ? 8 : 0;
  header_need_ = 2 + extended + (masked ? 4 : 0);
  return true;
}

bool MessageParser::check_length() {
  const unsigned length = header_[1] & 0x7FU;
  const std::size_t extended = length == 126 ? 2 : length == 127 ? 8 : 0;
  remaining_ = length;
  if (extended > 0) {
    remaining_ = 0;
    for (std::size_t i = 0; i < extended; ++i) remaining_ = (remaining_ << 8U) | header_[2 + i];
    const std::uint64_t shortest = extended == 2 ? 126 : 65536;
    if (remaining_ < shortest || (remaining_ >> 63U) != 0) {
      return refuse(kProtocolError, "bad frame length");
    }
  }
  if (!is_control() && remaining_ > max_message_bytes_ - data_.size()) {
    return refuse(kTooBig, "message too large");
  }
  if (sender_ == Sender::kClient) {
    std::transform(header_.begin() + static_cast<std::ptrdiff_t>(2 + extended),
                   header_.begin() + static_cast<std::ptrdiff_t>(6 + extended), mask_.begin(),
                   [](std::uint8_t byte) { return static_cast<char>(byte); });
  }
  mask_at_ = 0;
  if (!is_control() && opcode_ != Opcode::kContinuation) {
    data_opcode_ = opcode_;
    utf8_.reset();
  }
  in_payload_ = true;
  return true;
}

bool MessageParser::take_payload(std::string_view& input) {
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, input.size()));
  if (count > 0) {
    std::string& target = is_control() ? control_ : data_;
    const std::size_t before = target.size();
    unmask(target, input.substr(0, count), mask_, mask_at_);
    input.remove_prefix(count);
    remaining_ -= count;
    if (!is_control() && data_opcode_ == Opcode::kText &&
        !utf8_.feed(std::string_view(target).substr(before))) {
      return refuse(kBadText, "text is not UTF-8");
    }
  }
  return remaining_ > 0 || finish_frame();
}

bool MessageParser::finish_frame() {
  in_payload_ = false;
  header_have_ = 0;
  header_need_ = 2;
  if (is_control()) {
    if (opcode_ == Opcode::kClose) return finish_close();
    message_ = WireMessage{opcode_, std::exchange(control_, {}), 0};
    ready_ = true;
    return true;
  }
  fragmented_ = !final_;
  if (fragmented_) return true;
  if (data_opcode_ == Opcode::kText && !utf8_.complete()) {
    return refuse(kBadText, "text is not UTF-8");
  }
  message_ = WireMessage{data_opcode_, std::exchange(data_, {}), 0};
  ready_ = true;
  return true;
}

bool MessageParser::finish_close() {
  std::uint16_t code = kNoStatus;
  std::string reason;
  if (control_.size() == 1) return refuse(kProtocolError, "close frame of one byte");
  if (control_.size() >= 2) {
    code = static_cast<std::uint16_t>((static_cast<unsigned char>(control_[0]) << 8U) |
                                      static_cast<unsigned char>(control_[1]));
    if (!is_valid_close_code(code)) return refuse(kProtocolError, "bad close code");
    reason = control_.substr(2);
    Utf8Checker checker;
    if (!checker.feed(reason) || !checker.complete()) {
      return refuse(kBadText, "close reason is not UTF-8");
    }
  }
  control_ = {};
  message_ = WireMessage{Opcode::kClose, std::move(reason), code};
  ready_ = true;
  return true;
}

void append_frame_header(std::string& out, Opcode opcode, std::size_t size) {
  out.push_back(static_cast<char>(0x80U | static_cast<unsigned>(opcode)));
  if (size < 126) {
    out.push_back(static_cast<char>(size));
    return;
  }
  const int bytes = size < 65536 ? 2 : 8;
  out.push_back(static_cast<char>(bytes == 2 ? 126 : 127));
  for (int i = bytes - 1; i >= 0; --i) {
    out.push_back(static_cast<char>(
        (static_cast<std::uint64_t>(size) >> (8U * static_cast<unsigned>(i))) & 0xFFU));
  }
}

std::string make_frame(Opcode opcode, std::string_view payload) {
  std::string frame;
  frame.reserve(payload.size() + 10);
  append_frame_header(frame, opcode, payload.size());
  frame.append(payload);
  return frame;
}

std::string make_masked_frame(Opcode opcode, std::string_view payload, std::uint32_t mask) {
  std::string frame;
  frame.reserve(payload.size() + 14);
  append_frame_header(frame, opcode, payload.size());
  frame[1] = static_cast<char>(static_cast<unsigned char>(frame[1]) | 0x80U);
  const std::array<char, 4> key{static_cast<char>(mask >> 24U), static_cast<char>(mask >> 16U),
                                static_cast<char>(mask >> 8U), static_cast<char>(mask)};
  frame.append(key.data(), key.size());
  std::size_t at = 0;
  unmask(frame, payload, key, at);
  return frame;
}

std::string close_payload(std::uint16_t code, std::string_view reason) {
  std::size_t size = std::min(reason.size(), kMaxControlPayload - 2);
  // A continuation byte first behind the cut means that the cut is inside a character.
  while (size < reason.size() && size > 0 &&
         (static_cast<unsigned char>(reason[size]) & 0xC0U) == 0x80U) {
    --size;
  }
  std::string payload;
  payload.push_back(static_cast<char>(code >> 8U));
  payload.push_back(static_cast<char>(code & 0xFFU));
  payload.append(reason.substr(0, size));
  return payload;
}

}  // namespace deskwire::publishers
