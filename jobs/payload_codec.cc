#include "jobs/payload_codec.h"

#include <zlib.h>

#include <array>

namespace deskwire::jobs {
namespace {

constexpr char kRaw = 'r';
constexpr char kZlib = 'z';
constexpr std::size_t kLengthBytes = 4;
// Webhook JSON shrinks to a quarter already at the fastest level.
constexpr int kLevel = Z_BEST_SPEED;

std::string length_field(std::size_t length) {
  std::string field;
  for (std::size_t i = kLengthBytes; i-- > 0;) {
    field += static_cast<char>((length >> (8 * i)) & 0xFFU);
  }
  return field;
}

tl::unexpected<Error> corrupt(std::string_view why) {
  return fail(ErrorCode::kCorrupt, "stored payload: " + std::string(why));
}

}  // namespace

std::string pack_payload(std::string_view payload) {
  if (payload.size() > kCompressAbove && payload.size() <= 0xFFFFFFFFU) {
    uLongf size = compressBound(static_cast<uLong>(payload.size()));
    std::string packed = kZlib + length_field(payload.size());
    const std::size_t head = packed.size();
    packed.resize(head + size);
    const int result = compress2(reinterpret_cast<Bytef*>(packed.data() + head), &size,
                                 reinterpret_cast<const Bytef*>(payload.data()),
                                 static_cast<uLong>(payload.size()), kLevel);
    if (result == Z_OK && head + size <= payload.size()) {
      packed.resize(head + size);
      return packed;
    }
  }
  return kRaw + std::string(payload);
}

Result<std::string> unpack_payload(std::string_view stored, std::size_t max_bytes) {
  if (stored.empty()) return corrupt("empty");
  const char kind = stored.front();
  stored.remove_prefix(1);
  if (kind == kRaw) {
    if (stored.size() > max_bytes) return corrupt("longer than a payload may be");
    return std::string(stored);
  }
  if (kind != kZlib || stored.size() < kLengthBytes) return corrupt("unknown form");
  std::size_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    length = (length << 8U) | static_cast<unsigned char>(stored[i]);
  }
  if (length > max_bytes) return corrupt("longer than a payload may be");
  stored.remove_prefix(kLengthBytes);
  std::string payload(length, '\0');
  auto size = static_cast<uLongf>(length);
  const int result =
      uncompress(reinterpret_cast<Bytef*>(payload.data()), &size,
                 reinterpret_cast<const Bytef*>(stored.data()), static_cast<uLong>(stored.size()));
  if (result != Z_OK || size != length) return corrupt("damaged");
  return payload;
}

}  // namespace deskwire::jobs
