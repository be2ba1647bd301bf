#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/result.h"

namespace deskwire::publishers {

/// How far a channel's log has been read; a value of its own for each channel.
struct LogPosition {
  std::string epoch;
  std::uint64_t offset = 0;
  friend bool operator==(const LogPosition&, const LogPosition&) = default;
};

/// Something to be done at a time, held by whoever took it until `lease_ms`.
struct DueTask {
  std::string name;
  std::int64_t lease_ms = 0;
};

/// One atomic step. Nothing happens unless every expectation holds.
struct OnCallChange {
  struct Move {
    std::string channel;
    std::optional<LogPosition> from;  ///< nullopt: never read before.
    LogPosition to;
  };
  std::optional<Move> move;
  std::optional<DueTask> held;  ///< Must still be held; it is removed, unless among `tasks`.
  /// Texts by key as they were read; nullopt: there was none.
  std::map<std::string, std::optional<std::string>> expected;
  std::map<std::string, std::optional<std::string>> texts;  ///< New ones; nullopt: removed.
  std::map<std::string, std::int64_t> tasks;                ///< By name: when it is due.
  std::vector<std::string> log;                             ///< Entries of the notification log.
  std::map<std::string, std::optional<std::string>> dead;   ///< Dead letters; nullopt: removed.
};

/// Port: what the on-call desk remembers. Texts are JSON that only the desk understands; everything
/// shares one slot.
///
/// Errors of every call: those of redis::Client.
/// Thread safety: every method may be called concurrently.
class OnCallStore {
 public:
  struct Taken {
    std::int64_t now_ms = 0;  ///< The one clock of all replicas.
    std::vector<DueTask> tasks;
  };

  virtual ~OnCallStore() = default;
  /// Tasks that are due, oldest first; nobody else gets them for `lease_ms`.
  virtual Result<Taken> take(std::size_t limit, std::int64_t lease_ms) = 0;
  virtual Result<std::optional<LogPosition>> position(const std::string& channel) = 0;
  virtual Result<std::optional<std::string>> text(const std::string& key) = 0;
  /// False: an expectation did not hold.
  virtual Result<bool> commit(const OnCallChange& change) = 0;
  virtual Result<std::vector<std::pair<std::string, std::string>>> dead(std::size_t limit) = 0;
  /// The newest entries of the notification log, newest first.
  virtual Result<std::vector<std::string>> log(std::size_t limit) = 0;
};

}  // namespace deskwire::publishers
