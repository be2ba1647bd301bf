#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <thread>

#include "core/channel_log.h"
#include "core/clock.h"
#include "core/mutex.h"
#include "core/redis/redis_client.h"
#include "core/result.h"
#include "jobs/clock_store.h"

namespace deskwire::jobs {

enum class AlertVerb : std::uint8_t { kAcknowledge, kUnacknowledge, kSnooze };
/// "ack", "unack", "snooze", as in URLs.
std::string_view name_of(AlertVerb verb);

struct AlertChange {
  std::string event_id;  ///< Of a warning or violation.
  AlertVerb verb = AlertVerb::kAcknowledge;
  std::string by;             ///< Who, for people.
  std::int64_t until_ms = 0;  ///< kSnooze: Unix ms by the server's clock; 0: see lasts.
  Milliseconds lasts{0};      ///< kSnooze: from now on.
  std::string reason{};       ///< Why, for the audit; may be empty.
};

/// Acknowledges and snoozes alerts, and shows the clocks, for every door. A mark belongs to the
/// alert, not to one event of it: it outlives flapping, and ends with the clock's cycle. Each
/// change leaves an entry in the audit log.
///
/// Thread: "alert-desk", between start and stop, for the calls with a callback; 64 may wait.
/// Thread safety: every method may be called concurrently; start and stop from one thread.
class AlertDesk {
 public:
  using Answer = std::function<void(Result<std::string>)>;

  AlertDesk(redis::Client& client, ChannelLogLimits log) : client_(client), store_(client, log) {}
  ~AlertDesk();  ///< Calls stop().
  AlertDesk(const AlertDesk&) = delete;
  AlertDesk& operator=(const AlertDesk&) = delete;

  void start();
  /// What waits is answered with kCancelled. Twice, unstarted: fine.
  void stop();

  /// `{"event_id","alert_key","changed","ack":{…}}`. The same mark again changes nothing and tells
  /// nobody.
  /// @errors kNotFound: no such alert. kConflict: its clock has ended. Those of ClockStore.
  Result<std::string> change(const AlertChange& change);
  /// `{"now":…,"clocks":[…]}`, open ones first due first; also those that ended lately.
  /// @param conversation  Only of this one; empty: all with an open clock, at most kMostListed.
  Result<std::string> list(const std::string& conversation);

  /// @errors also kRateLimited: too many wait. Then, and after stop(), `done` runs at once.
  void change_async(AlertChange change, Answer done);
  void list_async(std::string conversation, Answer done);

  static constexpr std::size_t kMostListed = 1000;

 private:
  void post(std::function<Result<std::string>()> work, Answer done);
  void run();
  /// @param noted  Whether the audit has it: one entry, however many tries it takes.
  Result<std::string> change_once(const AlertChange& change, const StoredAlert& alert,
                                  std::int64_t now_ms, bool& noted);

  struct Task {
    std::function<Result<std::string>()> work;
    Answer done;
  };

  redis::Client& client_;
  ClockStore store_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<Task> tasks_ DW_GUARDED_BY(mutex_);
  bool running_ DW_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

/// An event about an alert, made from what was told of it: acknowledged, snoozed and so on.
/// @param told  StoredAlert::alert, parsed; its "data" is what was told.
ClockEvent make_mark_event(std::string_view name, const std::string& event_id,
                           const nlohmann::json& told, const nlohmann::json& mark,
                           std::int64_t now_ms);

}  // namespace deskwire::jobs
