#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "core/result.h"

namespace deskwire {

/// An id as a type of its own, so that a job id is never passed as a worker id.
template <typename Tag>
class StrongId {
 public:
  StrongId() = default;
  explicit StrongId(std::string value) : value_(std::move(value)) {}
  const std::string& str() const { return value_; }
  bool empty() const { return value_.empty(); }
  auto operator<=>(const StrongId&) const = default;  // NOLINT(modernize-use-nullptr): false alarm

 private:
  std::string value_;
};

using JobId = StrongId<struct JobIdTag>;
using WorkerId = StrongId<struct WorkerIdTag>;
using EventId = StrongId<struct EventIdTag>;

/// Shards are fixed for ever: a conversation's keys all carry the hash tag `{shard}`.
inline constexpr int kShardCount = 16;

/// A new ULID: 26 characters of Crockford base32, sortable by time (ms), 80 random bits.
/// Thread-safe. Source: github.com/ulid/spec.
std::string new_ulid(std::int64_t wall_ms);

/// A job id: a ULID whose last character is the shard (0..9A..F), so that `jobs show ID` finds
/// the job with one look-up and without an index.
JobId new_job_id(std::int64_t wall_ms, int shard);

/// The shard that a job id names.
/// @errors kInvalid: not 26 characters of Crockford base32 or a last character above F.
Result<int> shard_of_job(const JobId& id);

/// An id that is always the same for the same parts: 26 characters of lower-case base32 of their
/// SHA-256. Used for events and effects, so that another attempt makes the same ones.
std::string derived_id(std::string_view kind, std::string_view a, std::string_view b = {});

}  // namespace deskwire

template <typename Tag>
struct std::hash<deskwire::StrongId<Tag>> {
  std::size_t operator()(const deskwire::StrongId<Tag>& id) const noexcept {
    return std::hash<std::string>{}(id.str());
  }
};
