#include "webhooks/spool_record.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/hash.h"

namespace deskwire::webhooks {
namespace {

constexpr std::string_view kMagic = "DWR1";
constexpr std::size_t kPayloadSumAt = 8;
constexpr std::size_t kPayloadSumBytes = 8;
constexpr std::size_t kHeaderSumAt = kPayloadSumAt + kPayloadSumBytes;
constexpr std::size_t kHeaderSumBytes = kSpoolHeaderBytes - kHeaderSumAt;

template <typename Number>
void put(std::string& out, Number value) {
  for (std::size_t i = 0; i < sizeof value; ++i) {
    out += static_cast<char>(static_cast<unsigned char>(value >> (8 * i)));
  }
}

template <typename Number>
Number number_at(std::string_view bytes, std::size_t at) {
  Number value = 0;
  for (std::size_t i = 0; i < sizeof value; ++i) {
    value |= static_cast<Number>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
  }
  return value;
}

void put_text(std::string& out, std::string_view text) {
  put(out, static_cast<std::uint32_t>(text.size()));
  out += text;
}

/// Takes fields off the front; `ok` stays false after the first that does not fit.
class Fields {
 public:
  explicit Fields(std::string_view rest) : rest_(rest) {}

  std::int64_t time() {
    if (rest_.size() < sizeof(std::uint64_t)) ok_ = false;
    if (!ok_) return 0;
    const auto value = number_at<std::uint64_t>(rest_, 0);
    rest_.remove_prefix(sizeof value);
    return static_cast<std::int64_t>(value);
  }
  std::string text() {
    if (rest_.size() < sizeof(std::uint32_t)) ok_ = false;
    if (!ok_) return {};
    const std::size_t size = number_at<std::uint32_t>(rest_, 0);
    rest_.remove_prefix(sizeof(std::uint32_t));
    ok_ = size <= rest_.size();
    if (!ok_) return {};
    std::string value(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return value;
  }
  bool whole() const { return ok_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

/// Length of the payload that a sound header at the front announces; nullopt: no sound header.
std::optional<std::size_t> announced(std::string_view bytes) {
  if (bytes.size() < kSpoolHeaderBytes || !bytes.starts_with(kMagic)) return std::nullopt;
  const std::string sum = sha256(bytes.substr(0, kHeaderSumAt)).substr(0, kHeaderSumBytes);
  if (bytes.substr(kHeaderSumAt, kHeaderSumBytes) != sum) return std::nullopt;
  return number_at<std::uint32_t>(bytes, kMagic.size());
}

bool payload_sound(std::string_view record) {
  return sha256(record.substr(kSpoolHeaderBytes)).substr(0, kPayloadSumBytes) ==
         record.substr(kPayloadSumAt, kPayloadSumBytes);
}

/// The next place at or behind `from` that a sound header begins at; nullopt: there is none.
std::optional<std::size_t> next_header(std::string_view bytes, std::size_t from) {
  std::size_t at = bytes.find(kMagic, from);
  while (at != std::string_view::npos && !announced(bytes.substr(at))) {
    at = bytes.find(kMagic, at + 1);
  }
  return at == std::string_view::npos ? std::nullopt : std::optional(at);
}

}  // namespace

std::string encode_spool_record(const SpooledDelivery& delivery) {
  std::string payload;
  payload.reserve(delivery.body.size() + 256);
  put(payload, static_cast<std::uint64_t>(delivery.accepted_at_ms));
  for (const std::string* text :
       {&delivery.source, &delivery.receipt, &delivery.delivery_id, &delivery.body}) {
    put_text(payload, *text);
  }
  std::string record(kMagic);
  record.reserve(kSpoolHeaderBytes + payload.size());
  put(record, static_cast<std::uint32_t>(payload.size()));
  record += sha256(payload).substr(0, kPayloadSumBytes);
  record += sha256(record).substr(0, kHeaderSumBytes);
  return record += payload;
}

Result<SpooledDelivery> decode_spool_record(std::string_view record) {
  const std::optional<std::size_t> length = announced(record);
  if (!length || *length != record.size() - kSpoolHeaderBytes || !payload_sound(record)) {
    return fail(ErrorCode::kCorrupt, "read spool record: its checksum does not fit");
  }
  Fields fields(record.substr(kSpoolHeaderBytes));
  SpooledDelivery delivery;
  delivery.accepted_at_ms = fields.time();
  for (std::string* text :
       {&delivery.source, &delivery.receipt, &delivery.delivery_id, &delivery.body}) {
    *text = fields.text();
  }
  if (!fields.whole()) {
    return fail(ErrorCode::kCorrupt, "read spool record: its fields do not fill it");
  }
  return delivery;
}

SpoolScan scan_spool(std::string_view bytes) {
  SpoolScan scan;
  std::size_t at = 0;
  while (at < bytes.size()) {
    const std::string_view rest = bytes.substr(at);
    const std::optional<std::size_t> length = announced(rest);
    const bool complete = length && *length <= rest.size() - kSpoolHeaderBytes;
    if (complete) {
      const std::size_t size = kSpoolHeaderBytes + *length;
      const Result<SpooledDelivery> delivery = decode_spool_record(rest.substr(0, size));
      auto& pieces = delivery ? scan.records : scan.damaged;
      pieces.push_back({at, size, delivery ? delivery->accepted_at_ms : 0});
      at += size;
      continue;
    }
    // Neither a record nor a damaged one of known length. If a header follows, these bytes were
    // damaged later; if none does, this is where a write was cut off.
    const std::optional<std::size_t> next = next_header(bytes, at + 1);
    if (!next) break;
    scan.damaged.push_back({at, *next - at});
    at = *next;
  }
  scan.torn_at = at;
  return scan;
}

}  // namespace deskwire::webhooks
