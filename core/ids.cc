#include "core/ids.h"

#include "core/hash.h"

namespace deskwire {
namespace {

constexpr std::string_view kCrockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::size_t kUlidLength = 26;
constexpr std::size_t kUlidTimeLength = 10;
constexpr std::size_t kDerivedLength = 26;

}  // namespace

std::string new_ulid(std::int64_t wall_ms) {
  const std::string random = random_bytes(kUlidLength - kUlidTimeLength);
  std::string out(kUlidLength, '0');
  auto time = static_cast<std::uint64_t>(wall_ms);
  for (std::size_t i = kUlidTimeLength; i-- > 0;) {
    out[i] = kCrockford[time & 31U];
    time >>= 5U;
  }
  for (std::size_t i = kUlidTimeLength; i < kUlidLength; ++i) {
    out[i] = kCrockford[static_cast<unsigned char>(random[i - kUlidTimeLength]) & 31U];
  }
  return out;
}

JobId new_job_id(std::int64_t wall_ms, int shard) {
  std::string id = new_ulid(wall_ms);
  id.back() = kCrockford[static_cast<std::size_t>(shard)];
  return JobId{std::move(id)};
}

Result<int> shard_of_job(const JobId& id) {
  const std::string& text = id.str();
  if (text.size() != kUlidLength) {
    return fail(ErrorCode::kInvalid, "job id: expected 26 characters, got " +
                                         std::to_string(text.size()) +
                                         "; copy it from `deskwire jobs ls`");
  }
  if (text.find_first_not_of(kCrockford) != std::string::npos) {
    return fail(ErrorCode::kInvalid,
                "job id: a character is not Crockford base32 (0-9A-HJKMNP-TV-Z)");
  }
  const std::size_t shard = kCrockford.find(text.back());
  if (shard >= static_cast<std::size_t>(kShardCount)) {
    return fail(ErrorCode::kInvalid, "job id: the last character names no shard (0-9A-F)");
  }
  return static_cast<int>(shard);
}

std::string derived_id(std::string_view kind, std::string_view a, std::string_view b) {
  std::string text;
  text.reserve(kind.size() + a.size() + b.size() + 2);
  text.append(kind).append(1, '\0').append(a).append(1, '\0').append(b);
  return base32_encode(sha256(text)).substr(0, kDerivedLength);
}

}  // namespace deskwire
