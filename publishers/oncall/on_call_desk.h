#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "config/sla.h"
#include "core/event.h"
#include "core/result.h"
#include "core/snapshot.h"
#include "publishers/oncall/on_call_store.h"
#include "publishers/oncall/read_back.h"
#include "publishers/sinks/alert_sink.h"

namespace deskwire::publishers {

/// Who is told of which alert, and when: climbs the ladder of each alert that the channels `oncall`
/// and `ops` report, until it is over or somebody has acknowledged it.
///
/// Everything remembered is in the store; the desk itself has no state, so that any number of
/// replicas share the work and one that is killed loses nothing. Each event is taken once (the
/// position moves in the same step), each task is held by one replica at a time. A page goes out at
/// least once, with the same dedup key each time.
///
/// Texts in the store, by key:
///   a|<alert key>   a live alert: event_id, level, name, data, base, acked, snoozed_until, done[],
///                   told{sink: dedup key}
///   g|…             a group that gathers: members[{key, event_id}], step, next_at
///   o|<dedup key>   the open members of a page about several alerts: keys[]
///   n|<id>          a notification on its way: sink, action, members[], step, first_at, attempts,
///                   read_back{read, unread} once its conversations have been read back
/// Tasks: `step|<event id>|<index>|<alert key>`; `repeat|…` and `remind|…` in the same form, for a
/// violation that nobody heeds and one that was acknowledged long ago; and the keys of groups and
/// notifications.
///
/// Thread safety: every method may be called concurrently; run blocks as long as a sink does, and
/// before a first page as long as reading back may take.
class OnCallDesk {
 public:
  struct Ports {
    OnCallStore& store;
    const std::map<std::string, std::unique_ptr<AlertSink>>& sinks;
    /// The earliest open instant >= at of a calendar; nullopt: none.
    std::function<std::optional<std::int64_t>(const std::string& calendar, std::int64_t at_ms)>
        next_open;
    std::function<void(Event)> publish;   ///< sla:escalated.
    std::function<std::string()> new_id;  ///< Of a notification.
    std::function<double()> random;       ///< 0..1, for jitter.
    std::function<void(const std::string& sink, const char* result)> count;
    ReadBackPort read_back = {};  ///< Empty: pages go out as they are.
  };

  /// @param sla  Outlives the desk; its policies are those of the start.
  OnCallDesk(const config::Sla& sla, Ports ports);

  /// Whatever falls due after this climbs the ladders of these policies. Steps that an alert was
  /// already promised keep their time.
  void set_policies(std::vector<config::SlaPolicy> policies);

  /// Takes one event of a channel's log. Events that concern nobody only move the position.
  /// @return  False: another replica was faster.
  Result<bool> take_event(const OnCallChange::Move& move, std::string_view name,
                          const nlohmann::json& data, std::int64_t now_ms);

  /// Does what was due.
  void run(const DueTask& task, std::int64_t now_ms);

  /// At a start: the sign of life begins, if one is wanted.
  Status begin_heartbeat(std::int64_t now_ms);

  /// Sends a dead letter anew. @errors kNotFound.
  Status replay(const std::string& id, std::int64_t now_ms);

 private:
  using Json = nlohmann::json;
  static constexpr const char* kHeartbeatTask = "heartbeat";

  Result<Json> load(const std::string& key, OnCallChange& change);
  static void put(OnCallChange& change, const std::string& key, const Json& value);
  Status plan_event(OnCallChange& change, std::string_view name, const Json& data,
                    std::int64_t now_ms);
  Status raise(OnCallChange& change, const std::string& key, std::string_view name,
               const Json& data, std::int64_t now_ms);
  Status settle(OnCallChange& change, const std::string& key, std::int64_t now_ms);
  Status mark(OnCallChange& change, const std::string& key, std::string_view name, const Json& data,
              std::int64_t now_ms);
  void schedule_steps(OnCallChange& change, const Json& state, std::int64_t now_ms) const;
  /// Whether the page is taken when `key` is: one about several alerts is when all of them are.
  Result<bool> is_taken(OnCallChange& change, const std::string& key, const std::string& dedup);
  /// @param every_ms  0: not at all.
  static void schedule_again(OnCallChange& change, const char* task, const Json& state,
                             std::int64_t due_ms, std::int64_t every_ms);
  void add_notification(OnCallChange& change, Json notification, std::int64_t now_ms);

  /// Where each alert stands for itself, the warning that a violation replaces is over.
  void close_replaced(OnCallChange& change, const Json& before, std::int64_t now_ms);
  Status run_heartbeat(const DueTask& task, std::int64_t now_ms);

  Status run_step(const DueTask& task, std::int64_t now_ms);
  Status run_again(const DueTask& task, bool remind, std::int64_t now_ms);
  std::int64_t wait_of(const config::SlaStep& step, const Json& state, std::int64_t now_ms) const;
  Status reach(OnCallChange& change, const config::SlaStep& step, std::size_t index, Json state,
               std::int64_t now_ms);
  Status run_group(const DueTask& task, std::int64_t now_ms);
  bool is_to_be_read_back(const Json& notification, const Json& state) const;
  /// @param now_ms  Goes on by the time that it took.
  /// @return  False: nothing is to be sent now, the task is due again.
  Result<bool> read_back(const DueTask& task, Json& notification, const std::vector<Json>& states,
                         std::int64_t& now_ms) const;
  Status run_notification(const DueTask& task, std::int64_t now_ms);
  Status after_sent(const DueTask& task, Json notification, const Alert& alert,
                    const std::vector<Json>& states, std::int64_t now_ms);
  void after_failure(const DueTask& task, Json notification, const Error& error,
                     std::int64_t now_ms);
  void announce(const Json& state, const config::SlaStep& step, std::size_t index,
                std::int64_t now_ms) const;

  /// The one that the alert names.
  std::optional<config::SlaPolicy> policy_of(const Json& state) const;
  std::vector<config::SlaStep> ladder_of(const Json& state) const;
  std::string log_entry(const Json& notification, const char* result, std::string_view code,
                        std::int64_t now_ms) const;
  Status commit(const OnCallChange& change) const;

  const config::Sla& sla_;
  Snapshot<const std::vector<config::SlaPolicy>> policies_;
  const Ports ports_;
};

}  // namespace deskwire::publishers
