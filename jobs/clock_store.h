#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/channel_log.h"
#include "core/event.h"
#include "core/redis/redis_client.h"
#include "core/result.h"

namespace deskwire::jobs {

/// A conversation's SLA clocks as Redis keeps them.
struct StoredClocks {
  std::string lane;
  std::int64_t generation = 0;  ///< Grows with each change; 0: nobody looked at it yet.
  std::string newest_fact;      ///< Id of the newest fact in the log; empty: none.
  std::string clocks;           ///< JSON, as the last look left it; empty: none.
  /// Acknowledged and snoozed alerts: "<metric>/<cycle>" -> JSON.
  std::map<std::string, std::string> marks;
  std::map<std::string, std::string> told;  ///< Event id -> note.
  /// (server time at which it came, JSON), newest first.
  std::vector<std::pair<std::int64_t, std::string>> facts;
};

/// Conversations that are due, claimed for whoever asked.
struct DueClocks {
  std::int64_t now_ms = 0;
  std::int64_t next_due_ms = 0;  ///< Of the shard; 0: none.
  std::int64_t outgoing = 0;     ///< Events that wait for their way to global channels.
  std::vector<StoredClocks> conversations;
};

/// An event about a clock, told at most once by its id.
struct ClockEvent {
  std::string id;     ///< Stable; it names the alert for people.
  std::string note;   ///< Kept with the id; empty: this may be told again.
  std::string alert;  ///< Kept for whoever acknowledges it: JSON; empty: nothing is.
  Event event;        ///< Its channel is not looked at.
  std::vector<std::string> channels;  ///< Of the conversation.
  std::vector<std::string> globals;   ///< agents, oncall.
};

struct ClockUpdate {
  std::string lane;
  std::int64_t generation = 0;  ///< Looked at; another one there makes this stale.
  std::string newest_fact;
  std::string clocks;
  std::int64_t due_ms = 0;  ///< Next look; 0: when there are news.
  bool open = false;        ///< A clock runs.
  std::vector<std::string> forget_told;
  std::vector<std::string> forget_marks;
  std::vector<std::pair<std::string, std::string>> notes;  ///< Of events that were told.
  std::vector<ClockEvent> events;
};

struct ClockOutcome {
  bool stale = false;  ///< Nothing was written; the conversation is due again.
  std::int64_t now_ms = 0;
  std::int64_t next_due_ms = 0;
  std::int64_t told = 0;
  std::int64_t outgoing = 0;
};

/// An alert as it was told, for whoever acknowledges it.
struct StoredAlert {
  std::string lane;
  std::string alert;  ///< JSON: "mark" names its field, "data" what was told.
};

/// The SLA clocks in Redis: timers, what was told, marks. Keys: docs/redis-keys.md.
///
/// Errors of every call: those of redis::Client; kCorrupt: foreign data under our keys.
///
/// Thread safety: every method may be called concurrently; callbacks as those of redis::Client.
class ClockStore {
 public:
  ClockStore(redis::Client& client, ChannelLogLimits log) : client_(client), log_(log) {}

  void take(int shard, std::size_t most, Milliseconds claim,
            std::function<void(Result<DueClocks>)> done);
  void apply(const ClockUpdate& update, std::function<void(Result<ClockOutcome>)> done);
  /// @param field  Of StoredClocks::marks; an empty value removes it.
  /// @errors kConflict: somebody changed the clocks meanwhile; read and try again.
  Status mark(const std::string& lane, std::int64_t generation, const std::string& field,
              const std::string& value, const ClockEvent& event);

  /// The clock that all timers go by, in Unix ms.
  Result<std::int64_t> server_now();
  /// @errors kNotFound: no such alert, or it is long over.
  Result<StoredAlert> alert(const std::string& event_id);
  /// Without facts and what was told. Empty clocks when there are none.
  Result<StoredClocks> read(const std::string& lane);
  /// Conversations with open clocks, in no order, at most `most`.
  Result<std::vector<StoredClocks>> list(std::size_t most);

  struct Restored {
    std::int64_t looked_at = 0;
    std::int64_t restored = 0;
    std::int64_t overdue = 0;
  };
  /// Timers that are missing. @param all  Everything is due: the policies changed.
  Result<Restored> restore(int shard, bool all);
  /// Makes conversations with facts due that nobody ever looked at, all over the database.
  Status adopt();

  /// Brings events to their global channels, oldest first, and takes them off the list when they
  /// are there. Idempotent by event id: several processes may do it at once.
  /// @param done  Gets whether there may be more.
  void relay(int shard, ChannelLog& log, std::function<void(Result<bool>)> done);

 private:
  struct Relay;

  redis::Client& client_;
  const ChannelLogLimits log_;
};

}  // namespace deskwire::jobs
