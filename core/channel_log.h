#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/event.h"
#include "core/redis/redis_client.h"
#include "core/result.h"

namespace deskwire {

/// Identity of a channel's stream and a position in it. (epoch, offset) resumes: after the epoch
/// changed (the log was lost or expired) offsets count from 1 again and cannot be compared.
struct StreamPosition {
  std::string epoch;
  std::uint64_t offset = 0;
};

/// How much of each channel is kept (config gateway.log).
struct ChannelLogLimits {
  /// Events and bytes as the scripts read them.
  std::string sizes() const;

  std::size_t max_events = 1000;
  std::int64_t max_age_s = 7LL * 24 * 3600;
  std::size_t max_bytes = std::size_t{8} << 20U;
};

/// What was read: envelopes ascending by offset, each the JSON text as clients get it.
struct ChannelLogPage {
  struct Entry {
    std::uint64_t offset = 0;
    std::string envelope;
    std::string event_id;
  };
  StreamPosition top;  ///< The channel's epoch and newest offset.
  std::vector<Entry> entries;
  bool more = false;       ///< There is more in the asked direction.
  bool recovered = false;  ///< `read_after`: every kept event after the position is in entries.
};

/// A part of a channel's log: the oldest `limit` entries behind `after`; else the newest ones,
/// below `before` where it is set. Not both.
struct LogRange {
  std::size_t limit = 50;
  std::optional<std::uint64_t> before{};
  std::optional<std::uint64_t> after{};
};

/// The channels' logs in Redis and their live publication.
///
/// Redis effect of an append: `dw:{shard}:ch:<channel>` (epoch, offset), `dw:{shard}:log:<channel>`
/// (stream, entry id `<offset>-0`), then PUBLISH `dw:ev:<channel>` with the whole envelope. Events
/// that are not kept are published only; their envelope has neither epoch nor offset.
/// Other scripts that append (enqueue, step, …) share `core/scripts/channel_log.lua` as a prefix.
///
/// A log keeps its newest max_events exactly, of these the newest max_bytes (one event at least),
/// and nothing much older than max_age_s: looked at with an append when 1/64 of that has passed. It
/// expires as a whole as long after its last append; epoch and offset live twice as long, so that
/// offsets go on.
///
/// Errors of every call: those of redis::Client, and kCorrupt when foreign data lies under our
/// keys.
///
/// Thread safety: every method may be called concurrently; callbacks run as those of redis::Client
/// and must not block.
class ChannelLog {
 public:
  ChannelLog(redis::Client& client, ChannelLogLimits limits);

  struct Appended {
    StreamPosition position;  ///< offset 0 when the event is not kept.
    bool duplicate = false;   ///< `once` and already there: nothing was appended.
  };
  void append(const Event& event, std::function<void(Result<Appended>)> done);
  Result<Appended> append(const Event& event);

  /// Creates the channel's epoch if it has none; then everything kept after `from` (at most
  /// `limit` entries), or nothing but the top when `from` is nullopt. recovered=false, without
  /// entries: other epoch, or the log does not reach back, or more than `limit` entries or
  /// kMaxPageBytes lie between (then `more` is set).
  void read_after(std::string channel, std::optional<StreamPosition> from, std::size_t limit,
                  std::function<void(Result<ChannelLogPage>)> done);

  /// The entries of a range, always ascending; fewer, and `more`, when they have kMaxPageBytes
  /// together. A channel never used has the epoch "".
  void history(std::string channel, const LogRange& range,
               std::function<void(Result<ChannelLogPage>)> done);

  /// The Pub/Sub topic of a channel, and back (empty if it is none).
  static std::string topic_of(std::string_view channel);
  static std::string_view channel_of(std::string_view topic);

  /// Most bytes of envelopes in one page, so that no answer of Redis grows without bounds.
  static constexpr std::size_t kMaxPageBytes = 8U << 20U;

  /// The Lua prefix, and the arguments that describe events to scripts using it.
  /// ARGV layout: count; unless that is 0: random epoch, sizes, max age in seconds; then per event:
  /// channel, id, kept(1|0), once(1|0), tail.
  static const std::string& lua_prefix();
  /// What lua_prefix() begins with: server_time.lua, for scripts that append nothing.
  static const std::string& time_prefix();
  static void append_args(std::vector<std::string>& args, const std::vector<Event>& events,
                          const ChannelLogLimits& limits);

 private:
  redis::Client& client_;
  ChannelLogLimits limits_;
};

}  // namespace deskwire
